"""`lakesight demo`, shortened, as a person runs it; and an evaluation of what it trained."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cvcore.cli.main import main

SHORT = ["trainer.max_steps=3", "data.num_train=24", "data.num_val=10", "data.num_test=10"]
LAKESIGHT = [sys.executable, "-m", "cvcore.cli.main"]


@pytest.mark.slow
def test_the_demo_trains_evaluates_and_predicts(
    tmp_path: Path,
    cache_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cache = f"data.cache_dir={cache_dir}"
    words = ["demo", *SHORT, cache, "task=classification", "--out", "runs/first"]
    done = subprocess.run([*LAKESIGHT, *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "first"
    for name in ("sheet.png", "predictions.jsonl"):
        assert (run / "pictures-of-test" / name).is_file()
    assert "--- evaluate: lakesight evaluate runs/first --split test" in done.stdout
    assert "Traceback" not in done.stderr

    report = run / "report" / "test"
    for name in ("report.json", "per_class.csv", "confusion.json", "errors.json", "worst.json"):
        assert (report / name).stat().st_size > 2
    page = (report / "index.html").read_text()
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert len(list((report / "worst").iterdir())) == 10
    with gzip.open(report / "predictions.jsonl.gz", "rt") as file:
        assert len(list(file)) == 10

    # The figures of the training's end, of the verb, and of the best model's folder are the same.
    result = json.loads((run / "result.json").read_text())
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    words = ["evaluate", "runs/latest", "--split", "test", "--device", "cpu", "--json", "--latency"]
    assert main(words) == 0
    figures = json.loads(capsys.readouterr().out)["metrics"]
    for key in ("top1", "top5", "ece"):
        assert figures[key]["value"] == pytest.approx(result["metrics"][f"test/{key}"], abs=1e-6)

    cost = json.loads((report / "latency.json").read_text())
    assert [row["batch_size"] for row in cost["latencies"]] == [1, 8]
    assert all(0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"] for row in cost["latencies"])
    assert 0 < cost["disk_mib"] < cost["peak_memory_mib"]

    for wrong, says in (
        (["--split", "tset"], "Did you mean 'test'"),
        (["task=detection"], "is a model for classification"),
        (["--device", "gpu"], "Give cpu"),
        (["data.num_vall=3"], "Did you mean 'num_val'"),
    ):
        assert main(["evaluate", "runs/first", *wrong]) == 2
        assert says in capsys.readouterr().err


def test_a_wrong_override_is_refused_before_anything_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["demo", "optim.learning_rte=1"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Did you mean 'learning_rate'" in shown.err
