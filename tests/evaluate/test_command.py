"""`lakesight evaluate` on other data, and its sentences for what can't be evaluated."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from cvcore.cli.main import main
from cvcore.config.composer import load
from cvcore.config.schema import TASKS
from cvcore.data.labels import LabelSpace
from cvcore.data.prepare import prepare
from cvcore.data.records import Category
from cvcore.errors import ModelError
from cvcore.evaluate import latency
from cvcore.evaluate.open_split import open_split
from cvcore.serve import artifact
from cvcore.train.frozen import read_overrides


@pytest.fixture
def run(run_of) -> Path:
    return run_of("detection")


@pytest.fixture
def other_data(tmp_path, run) -> Path:
    """The run's test images as a COCO data set of somebody else, with one split only."""
    config = load(read_overrides(run))
    split = prepare(config).splits["test"]
    root = tmp_path / "new"
    (root / "images").mkdir(parents=True)
    content = {
        "images": [],
        "annotations": [],
        "categories": [{"id": c.source_id, "name": c.name} for c in split.categories],
    }
    for record in split:
        height, width = record.size_hw
        name = record.image.path.name
        shutil.copy(record.image.path, root / "images" / name)
        content["images"].append(
            {"id": record.image_id, "file_name": name, "width": width, "height": height}
        )
        for one in record.annotations:
            content["annotations"].append(
                {
                    "id": len(content["annotations"]) + 1,
                    "image_id": record.image_id,
                    "category_id": one.source_category,
                    "bbox": list(one.bbox_xywh),
                    "area": one.area,
                    "iscrowd": 0,
                }
            )
    (root / "test.json").write_text(json.dumps(content))
    return root


def coco(root: Path) -> list[str]:
    return [
        "data=coco", f"data.root={root}", "data.test=test.json", "data.test_images=images",
        "trainer.dataloader_num_workers=0",
    ]  # fmt: skip


def refusal(capsys, *words: str) -> str:
    """Run an evaluation that must be refused; return its one sentence."""
    capsys.readouterr()
    assert main(["evaluate", *map(str, words)]) == 2
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    return line


def test_other_data_of_the_same_classes_gives_the_same_figures(run, other_data, capsys, tmp_path):
    words = ["evaluate", str(run), "--split", "test", "--json"]
    assert main([*words, *coco(other_data), "--out", str(tmp_path / "a")]) == 0
    theirs = json.loads(capsys.readouterr().out)
    assert main([*words, "--out", str(tmp_path / "b")]) == 0
    own = json.loads(capsys.readouterr().out)
    assert theirs["metrics"] == own["metrics"]
    files = [tmp_path / name / "predictions.jsonl.gz" for name in "ab"]
    assert gzip.decompress(files[0].read_bytes()) == gzip.decompress(files[1].read_bytes())
    assert theirs["certificate"]["num_images"] == own["certificate"]["num_images"] == 12
    hashes = [x["certificate"]["dataset_fingerprint"] for x in (own, theirs)]
    assert hashes[0] == artifact.read(run / "best").fingerprint != hashes[1]
    printed = json.loads((tmp_path / "b" / "report.json").read_text())
    assert printed == own


def edit(root: Path, change) -> None:
    content = json.loads((root / "test.json").read_text())
    change(content)
    (root / "test.json").write_text(json.dumps(content))


def test_data_without_some_of_the_classes_are_evaluated(run, other_data, caplog, tmp_path):
    def without_nine(content):
        gone = next(c for c in content["categories"] if c["name"] == "9")
        content["categories"].remove(gone)
        content["annotations"] = [
            a for a in content["annotations"] if a["category_id"] != gone["id"]
        ]

    edit(other_data, without_nine)
    words = ["--split", "test", "--out", str(tmp_path / "out")]
    assert main(["evaluate", str(run), *coco(other_data), *words]) == 0
    rows = json.loads((tmp_path / "out" / "per_class.json").read_text())
    assert list(rows) == [str(n) for n in range(10)]
    assert rows["9"]["AP"] is None
    assert rows["9"]["num_objects"] == 0
    assert "do not declare these classes of the model: 9" in caplog.text


@pytest.mark.parametrize("what", ["name", "id"])
def test_other_classes_are_refused(run, other_data, capsys, what, tmp_path):
    def changed(content):
        value = "owl" if what == "name" else 77
        row = content["categories"][0]
        for annotation in content["annotations"]:
            if what == "id" and annotation["category_id"] == row["id"]:
                annotation["category_id"] = value
        row[what] = value

    edit(other_data, changed)
    words = ["--split", "test", "--out", tmp_path / "out"]
    line = refusal(capsys, run, *coco(other_data), *words)
    assert ("only there: ['0']" if what == "name" else "other ids") in line
    assert "Use the data it was trained on" in line
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_of_another_label_space_is_refused(run, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    known = artifact.read(copy / "best")
    names = [Category(i, f"kind{i}") for i in range(len(known.labels))]
    content = json.loads((copy / "best" / artifact.FILE).read_text())
    content["labels"] = LabelSpace.over([names]).to_dict()
    (copy / "best" / artifact.FILE).write_text(json.dumps(content))
    line = refusal(capsys, copy)
    assert "label space" in line
    assert "only there: ['kind0'" in line
    assert not (copy / "report").exists()


def test_what_can_not_be_evaluated_is_one_sentence(run, other_data, capsys, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "file").write_text("")
    for words, says in (
        ([run, "--split", "tset"], "Splits: train, val, test. Did you mean 'test'?"),
        ([run.with_name("nowhere")], "there is no folder"),
        ([empty], "holds no model"),
        ([run, "task=panoptic_segmentation"], "is a model for detection, not for panoptic"),
        ([run, "--device", "tpu"], "Give cpu, cuda"),
        ([run, "--out", tmp_path / "file" / "x"], "Give another folder with --out"),
        ([run, "trainer.precision=fp8"], "trainer.precision"),
        ([run, "data=coco", f"data.root={other_data}", "--split", "test"], "data.test and"),
        ([run, *coco(other_data), "data.test=tset.json", "--split", "test"], "test.json"),
        ([run, *coco(tmp_path / "newer"), "--split", "test"], "new'?"),
        ([run, "data=image_folder", f"data.root={empty}"], "not for detection"),
    ):
        assert says in refusal(capsys, *words), words
    edit(other_data, lambda content: content.update(images=[], annotations=[]))
    assert "no image" in refusal(capsys, run, *coco(other_data), "--split", "test")


def test_a_split_whose_images_are_all_broken_is_refused(run, other_data, capsys):
    for path in (other_data / "images").iterdir():
        path.write_bytes(b"no picture")
    line = refusal(capsys, run, *coco(other_data), "--split", "test")
    assert "test" in line


def test_an_evaluation_that_fails_leaves_no_half_report(run, tmp_path, capsys, monkeypatch):
    words = ["evaluate", str(run), "--split", "test", "--out", str(tmp_path / "out")]
    assert main(words) == 0
    before = (tmp_path / "out" / "report.json").read_text()

    def diverged(*_):
        raise ModelError("the model gives scores that are not finite")

    monkeypatch.setattr("cvcore.evaluate.run.merge_ranks", diverged)
    capsys.readouterr()
    assert main(words) == 2
    assert (tmp_path / "out" / "report.json").read_text() == before
    monkeypatch.setattr("cvcore.evaluate.coco.CocoMetric.update", diverged)
    assert main(words) == 2
    assert not list((tmp_path / "out").glob(".*"))


def test_without_a_run_the_report_is_in_the_models_folder(run, tmp_path, cache_dir, capsys):
    shutil.copytree(run / "best", tmp_path / "model")
    data = ["data.num_train=16", "data.num_val=10", "data.num_test=12"]
    more = [f"data.cache_dir={cache_dir}", "trainer.dataloader_num_workers=0"]
    assert main(["evaluate", str(tmp_path / "model"), *data, *more]) == 0
    assert list((tmp_path / "model" / "evaluations").glob("*-val/report.json"))


def test_only_the_wanted_split_of_other_data_is_opened(run, other_data):
    config = load(["task=detection", *coco(other_data)])
    labels = artifact.read(run / "best").labels
    assert list(open_split(config, "test", labels, "the model", own=False).splits) == ["test"]


@pytest.mark.parametrize("kind", TASKS)
def test_latency_of_every_task(run_of, kind):
    folder = run_of(kind) / "best"
    cost = latency.measure(folder, "cpu", batch_sizes=(1, 2), num_batches=3)
    assert [one.batch_size for one in cost.latencies] == [1, 2]
    for one in cost.latencies:
        assert 0 < one.p50_ms <= one.p95_ms <= one.p99_ms
        assert one.num_batches == 3
        assert one.images_per_s == pytest.approx(1000 * one.batch_size / one.p50_ms)
    assert cost.device == "cpu"
    assert cost.disk_mib == pytest.approx(sum(f.stat().st_size for f in folder.iterdir()) / 2**20)
    assert cost.peak_memory_mib > cost.disk_mib
    assert cost.image_size_hw == tuple(artifact.read(folder).model.image_size)


def test_latency_by_the_command(run, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["evaluate", str(run), "--split", "test", "--out", str(out), "--device", "cpu"]
    assert main([*words, "--latency"]) == 0
    assert "p95 ms" in capsys.readouterr().out
    cost = json.loads((out / "latency.json").read_text())
    assert [one["batch_size"] for one in cost["latencies"]] == [1, 8]
    assert "Speed and size" in (out / "index.html").read_text()
    assert main(words) == 0  # a new report without --latency does not keep an old measurement
    assert not (out / "latency.json").exists()
    assert "Speed and size" not in (out / "index.html").read_text()
