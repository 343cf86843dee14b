"""Batch inference here: every image once whatever is killed, in every format, bad ones reported."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from cvcore.batch.finish import finish
from cvcore.batch.job import BatchError, BatchJob
from cvcore.batch.pool import Pool
from cvcore.batch.progress import read_progress
from cvcore.cli.main import main
from cvcore.data.records import ImageRef
from cvcore.errors import DataError, LakesightError

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm")]


def rows(out: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(out).to_pylist()
    return found


@pytest.fixture(scope="session")
def expected(run_dir: Path, photos: Path) -> dict[str, list[dict[str, Any]]]:
    """What the predictor itself says of each readable picture."""
    from cvcore.serve.predictor import Predictor

    predictor = Predictor.load(run_dir / "best", "cpu")
    paths = sorted(p for p in photos.rglob("*.png") if p.name not in ("empty.png", "torn.png"))
    answers = predictor.answers([ImageRef(path) for path in paths])
    names = [path.relative_to(photos).as_posix() for path in paths]
    return {name: answer["objects"] for name, answer in zip(names, answers, strict=True)}


def test_every_image_once_although_it_is_killed_at_any_moment(
    run_dir: Path, photos: Path, tmp_path: Path, expected: dict[str, list[dict[str, Any]]]
) -> None:
    out = tmp_path / "out"
    words = [sys.executable, "-m", "cvcore.cli.main", "batch", str(run_dir), str(photos), str(out)]
    words += ["--shard-size", "4", "--batch-size", "2", "--workers", "2"]
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not list(out.glob("part-*.parquet")) and child.poll() is None:
        time.sleep(0.005)
    time.sleep(random.SystemRandom().uniform(0, 0.3))
    child.send_signal(signal.SIGKILL)
    child.wait()
    progress = read_progress(out)
    assert progress
    assert progress.total == 40
    # The killed ones' workers end by themselves; none of them is left to write.
    done = subprocess.run([*words, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout)
    assert (last["state"], last["total"], last["done"], last["bad"]) == ("SUCCEEDED", 40, 40, 3)
    assert last["resumed"] > 0
    found = rows(out)
    assert len(found) == 40
    assert len({row["image"] for row in found}) == 40
    for row in found:
        if row["error"]:
            assert row["objects"] is None
            continue
        assert (row["height"], row["width"]) == (40, 56)
        wanted = expected[row["image"]]
        assert [item["label"] for item in row["objects"]] == [item["label"] for item in wanted]
        np.testing.assert_allclose(
            [item["box"] for item in row["objects"]], [item["box"] for item in wanted], atol=0.02
        )
    errors = [json.loads(line) for line in (out / "_lakesight/errors.jsonl").open()]
    assert {row["image"] for row in errors} == {"empty.png", "text.jpg", "torn.png"}
    assert not list(out.glob(".part-*"))


def test_a_table_in_and_a_delta_table_out_although_a_worker_dies(
    run_dir: Path, photos: Path, tmp_path: Path
) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    names = sorted(p for p in photos.rglob("*") if p.suffix in (".png", ".jpg"))[:9]
    images = [{"bytes": names[0].read_bytes(), "path": None}]
    images += [{"bytes": None, "path": str(path)} for path in names[1:]] + [None]
    table = pa.table({"photo_id": [f"p{i}" for i in range(10)], "photo": images})
    write_deltalake(str(source), table)
    job = BatchJob(str(run_dir / "best"), str(source), str(out), "delta", "photo", "photo_id")
    job = replace(job, shard_size=4, workers=1)
    killed: list[int] = []

    def kill_once(_progress: object) -> None:
        for worker in pool._workers:
            if not killed and worker.shards:
                killed.append(worker.process.pid)
                os.kill(worker.process.pid, signal.SIGKILL)

    pool = Pool(job, kill_once)
    done = pool.run()
    assert killed
    assert (done.state, done.done) == ("SUCCEEDED", 10)
    found = {row["image"]: row for row in DeltaTable(str(out)).to_pyarrow_table().to_pylist()}
    assert sorted(found) == sorted(f"p{i}" for i in range(10))
    assert "holds no image" in found["p9"]["error"]
    # Killed between the commit and the note that it was made: it is not made again.
    (job.state / "finished").unlink()
    finish(job)
    Pool(job).run()
    assert DeltaTable(str(out)).version() == 0
    # Another batch is appended to it.
    Pool(replace(job, score_threshold=0.9)).run()
    assert len(DeltaTable(str(out)).to_pyarrow_table()) == 20


def test_coco_for_a_labelling_tool_and_what_is_refused(
    run_dir: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pycocotools.coco import COCO

    out = tmp_path / "out"
    words = ["batch", str(run_dir), str(photos), str(out), "--format", "coco", "--workers", "1"]
    assert main(words) == 0
    assert "40 images" in capsys.readouterr().out
    coco = COCO(str(out / "predictions.json"))
    assert len(coco.imgs) == 37
    assert {cat["name"] for cat in coco.cats.values()} == {"bolt", "nut", "washer"}
    assert all(len(ann["bbox"]) == 4 and 0 <= ann["score"] <= 1 for ann in coco.anns.values())
    # The same again is done already, something else is refused.
    assert main(words) == 0
    assert main([*words, "--threshold", "0.9"]) == 2
    said = capsys.readouterr().err
    assert "score_threshold was None, now 0.9" in said
    model = str(run_dir / "best")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").touch()
    (tmp_path / "none").mkdir()
    refused: list[tuple[dict[str, Any], type[LakesightError], str]] = [
        ({"out": str(tmp_path / "full")}, BatchError, "holds 'mine.txt' already"),
        ({"source": str(tmp_path / "none")}, DataError, "holds no image"),
        ({"source": str(tmp_path / "nope")}, DataError, "Did you mean 'none'"),
        ({"model": str(tmp_path)}, LakesightError, "not a Lakesight model"),
    ]
    for number, (values, kind, says) in enumerate(refused):
        given = {"model": model, "source": str(photos), "out": str(tmp_path / f"r{number}")}
        with pytest.raises(kind, match=says):
            Pool(BatchJob(**{**given, **values})).run()
