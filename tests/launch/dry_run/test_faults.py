"""A dry run catches what goes wrong with real runs, in the right stage and in words.

The same stages as the command's, with the child's part in this process, so that torch is imported once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dry_run_faults import FAULTS

from cvcore.config.schema import Config
from launch.dry_run import STAGES, DryRun
from launch.dry_run.child import Child, ChildFailed, Event, in_this_process
from launch.dry_run.result import Results

pytestmark = pytest.mark.usefixtures("warm")


class Here:
    """Rehearses in this process; a model that is logged counts as one that predicts."""

    def rehearse(self, config: Config) -> Iterator[Event]:
        from cvcore.train.probe_rehearsal import rehearse

        return in_this_process(rehearse, config)

    def predict(self, uri: str, tracking_uri: str, image: bytes) -> dict[str, Any]:
        assert uri.startswith("models:/")
        assert image
        return {"answer": {"size": [1, 1]}, "code": ""}


class Unreached:
    """For faults of the stages before: the rest is not run."""

    def rehearse(self, config: Config) -> Iterator[Event]:
        raise ChildFailed("not run in this test")

    def predict(self, uri: str, tracking_uri: str, image: bytes) -> dict[str, Any]:
        raise ChildFailed("not run in this test")


def run(overrides: list[str], child: Child) -> Results:
    return DryRun(overrides, child=child).run()


def slow(name: str) -> Any:
    """Return the name, marked where the fault shows only after a model was logged."""
    return pytest.param(name, marks=[pytest.mark.slow] if FAULTS[name].stage == "log" else [])


@pytest.mark.parametrize("name", [slow(name) for name in FAULTS])
def test_it_catches(
    name: str, small_run: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = FAULTS[name]
    added = fault.make(folder, monkeypatch)
    given = {word.partition("=")[0] for word in added}
    base = [
        word
        for word in [*small_run, f"run.dir={folder}/run"]
        # Another data set has no keys of the digits; a key that is given twice is refused.
        if not ("data" in given and word.startswith("data.num_"))
        and word.partition("=")[0] not in given
    ]
    early = fault.stage in ("configuration", "places", "data")
    results = run([*base, *added], Unreached() if early else Here())
    found = {result.stage: result for result in results.stages}
    said = [result for result in results.stages if result.status in ("fail", "warn")]
    assert said, f"not caught: {[(r.stage, r.said) for r in results.stages]}"
    assert found[fault.stage].status == fault.status, [(r.stage, r.status, r.said) for r in said]
    assert fault.word in found[fault.stage].said
    assert "Traceback" not in found[fault.stage].said
    before = STAGES[: STAGES.index(fault.stage)]
    assert {found[stage].status for stage in before} <= {"ok", "warn"}
    assert not results.ok


@pytest.mark.slow
def test_a_run_without_fault_passes_every_stage(small_run: list[str], folder: Path) -> None:
    results = run([*small_run, f"run.dir={folder}/run"], Here())
    by_stage = {result.stage: (result.status, result.said) for result in results.stages}
    assert list(by_stage) == list(STAGES)
    assert {stage: status for stage, (status, _) in by_stage.items()} == {
        **dict.fromkeys(STAGES, "ok"),
        "register": "skipped",
    }, by_stage


def test_the_docs_say_how_many_faults() -> None:
    page = (Path(__file__).parents[3] / "docs" / "plan.md").read_text()
    assert len(FAULTS) >= 25
    assert f"{len(FAULTS)} injected faults, all caught" in page
