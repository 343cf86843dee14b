"""The whole way of a model on this machine, by the commands that a person types, for each task."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cvcore.batch.rows import row as rows_row
from cvcore.batch.rows import table
from cvcore.config.schema.data import TASKS
from tests.launch.lifecycle.conftest import POLICY, SMALL, assert_alike

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", TASKS)
def test_from_a_configuration_to_a_watched_endpoint(
    kind: str, say: Callable[..., str], pictures: Path, tmp_path: Path
) -> None:
    asked = [f"task={kind}", *SMALL]
    assert f"kind: {kind}" in say("compose", *asked)
    assert "16" in say("data", "inspect", *asked)

    say("submit", "--follow", *asked, "run.title=first")
    assert "SUCCEEDED" in say("runs")
    report = json.loads(say("evaluate", "runs/latest", "--split", "test", "--json"))
    assert report["certificate"]["num_images"] == 10

    say("register", "first", "--as", "parts", "--images", "4", "--no-latency")
    policy = tmp_path / "gate.yaml"
    policy.write_text(POLICY)
    assert "parts@champion: version 1" in say("promote", "parts", "latest", "--policy", str(policy))

    say("deploy", "parts@champion", "--name", "parts")
    files = sorted(pictures.iterdir())
    served = say("query", "parts", *map(str, files), "--threshold", "0", "--json").splitlines()
    assert "smoke" not in say("endpoints", "smoke", "parts", "--image", str(files[0]), "--json")

    out = tmp_path / "answers"
    say("batch", "parts@champion", str(pictures), str(out), "--threshold", "0")
    rows = pq.read_table(out).to_pylist()
    assert [row["image"] for row in rows] == [file.name for file in files]
    for row, line in zip(rows, served, strict=True):
        answer = {key: value for key, value in json.loads(line).items() if key != "image"}
        assert_alike(row, table(kind, [rows_row(row["image"], answer)]).to_pylist()[0])
    watched = say("monitor", "parts")
    assert "7 requests, 0 refused, 0 failed" in watched, watched
    say("endpoints", "delete", "parts", "--yes")
    assert "parts" not in say("endpoints")
