"""The whole way of a model on this machine, for each task: what its tutorial tells a person to type."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from cvcore.batch.rows import row as rows_row
from cvcore.batch.rows import table
from cvcore.config.schema.data import TASKS
from cvcore.serve.gate import policy as policies
from tests.launch.lifecycle import tutorials
from tests.launch.lifecycle.conftest import SMALL, assert_alike

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm")]

SMALLER = {
    "compose": SMALL,
    "data": SMALL,
    "submit": SMALL,
    "register": ["--images", "2", "--no-latency"],
    "query": ["--threshold", "0"],
    "batch": ["--threshold", "0", "--workers", "1"],
}
"""What is added to a tutorial's command: sizes, and all that a model says that has hardly learned."""

LEARNED = ("metrics", "robustness", "latency_p95_ms")
"""Rules of a gate that only a model can pass that has learned, and was measured."""

STEPS = (
    "compose", "data inspect", "data preview", "submit", "runs", "evaluate", "predict", "register",
    "promote", "deploy", "query", "endpoints smoke", "batch", "monitor", "endpoints delete",
    "endpoints",
)  # fmt: skip
"""What each tutorial goes through; it may have more, and a step more than once."""

ASKING = ("query", "endpoints smoke")
"""Steps that send pictures to the endpoint."""


@pytest.mark.parametrize("kind", TASKS)
def test_a_tutorial_from_a_configuration_to_a_watched_endpoint(
    kind: str, say: Callable[..., str], tmp_path: Path
) -> None:
    page = tutorials.page(kind)
    for name, text in tutorials.files(page).items():
        (tmp_path / name).write_text(judged_by_size(text))
    said: dict[str, str] = {}
    spoken: dict[str, list[str]] = {}
    asked = 1  # `deploy` sends a picture
    for command in tutorials.commands(page):
        words = tutorials.typed(command, tmp_path)
        step = " ".join(words[: 2 if words[0] in ("data", "endpoints") else 1])
        if "data=digits" in words:
            words += [word for word in SMALL if word.startswith("data.")]
        said[step] = say(*words, *SMALLER.get(words[0], []))
        spoken[step] = words
        asked += step in ASKING and sum(word.endswith(".png") for word in words)
    assert not set(STEPS) - set(said), "a step is missing"

    assert f"kind: {kind}" in said["compose"]
    assert "16" in said["data inspect"]
    assert (tmp_path / "preview.png").stat().st_size > 5_000
    assert "SUCCEEDED" in said["runs"]
    report = json.loads(next(tmp_path.glob("runs/*/report/test/report.json")).read_text())
    assert report["certificate"]["num_images"] == 10
    assert (tmp_path / "seen/sheet.png").stat().st_size > 5_000
    assert "digits@champion: version 1" in said["promote"]
    assert said["endpoints smoke"].startswith("ok")

    served = [json.loads(line) for line in said["query"].splitlines()]
    rows = pq.read_table(tmp_path / spoken["batch"][3]).to_pylist()
    photos = tmp_path / spoken["batch"][2]
    assert [photos / row["image"] for row in rows] == sorted(photos.rglob("*.png"))
    answers = {photos / row["image"]: row for row in rows}
    assert len(served) == 5
    for answer in served:
        row = answers[tmp_path / answer.pop("image")]
        assert_alike(row, table(kind, [rows_row(row["image"], answer)]).to_pylist()[0])
    assert f"{asked} requests, 0 refused, 0 failed" in said["monitor"], said["monitor"]
    assert "digits" not in said["endpoints"]


def judged_by_size(text: str) -> str:
    """Return a tutorial's gate without what only a real training can pass; all of it must be rules."""
    rules = yaml.safe_load(text)
    policies.parse(rules, "gate", "the tutorial")
    return yaml.safe_dump({key: value for key, value in rules.items() if key not in LEARNED})
