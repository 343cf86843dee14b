"""What came of each stage of a dry run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any

from cvcore.errors import LakesightError


@dataclass
class StageResult:
    """One stage.

    Attributes:
        stage: its name.
        status: ok, warn, fail, skipped, or "not run" after a failed one.
        seconds: it took.
        said: one sentence.
    """

    stage: str
    status: str = "not run"
    seconds: float = 0.0
    said: str = ""


class StageFailed(LakesightError):  # noqa: N818 (it is what happened, and ends the dry run)
    """A stage failed; its result says why."""


@dataclass
class Results:
    """The results so far, each told as soon as it is there.

    Attributes:
        tell: takes each finished stage.
        stages: in order.
    """

    tell: Callable[[StageResult], None]
    stages: list[StageResult] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[StageResult]:
        """Time a stage; a fault in it is its result and ends the dry run.

        Raises:
            StageFailed: it failed.
        """
        result = StageResult(name, "ok")
        start = perf_counter()
        try:
            yield result
        except LakesightError as error:
            result.status, result.said = "fail", str(error)
            raise StageFailed(str(error)) from error
        finally:
            result.seconds = perf_counter() - start
            self.add(result)

    def add(self, result: StageResult) -> None:
        """Take a finished stage."""
        self.stages.append(result)
        self.tell(result)

    @property
    def ok(self) -> bool:
        """Whether no stage failed."""
        return not any(result.status == "fail" for result in self.stages)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return {"ok": self.ok, "stages": [asdict(result) for result in self.stages]}


def line(result: StageResult) -> str:
    """Return a stage as a line for a terminal."""
    return f"{result.status:8} {result.stage:14} {result.seconds:5.1f} s  {result.said}"
