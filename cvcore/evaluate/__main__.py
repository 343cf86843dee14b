"""`python -m cvcore.evaluate <evaluation.json>`: an evaluation as a run of its own."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cvcore.cli.exit import exit_code
from cvcore.evaluate.job import PROGRESS_TAG, REPORT, EvaluationJob, JobProgress

if TYPE_CHECKING:
    from cvcore.evaluate.report import Report
    from cvcore.metrics.tracker import Tracker

_SAID_EVERY_S = 5.0
_WRITTEN_EVERY_S = 0.5


class _Teller:
    """Says how far it is: in the folder often, in the output and a tag of the run now and then."""

    def __init__(self, folder: Path, tracker: Tracker | None) -> None:
        self.folder, self.tracker = folder, tracker
        self._start = time.monotonic()
        self._written = self._said = float("-inf")

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        per_s = done / (now - self._start) if done else 0.0
        is_last = done >= total
        if now - self._written < _WRITTEN_EVERY_S and not is_last:
            return
        self._written = now
        told = JobProgress(done, total, per_s, (total - done) / per_s if per_s else None)
        told.write(self.folder)
        if now - self._said >= _SAID_EVERY_S or is_last:
            self._said = now
            print(told.line(), flush=True)
            if self.tracker is not None:
                self.tracker.tags({PROGRESS_TAG: told.text()})


def main(words: list[str]) -> int:
    """Evaluate, write the report and log it; the exit code as of every command."""

    def run() -> int:
        path = Path(words[0])
        job, folder = EvaluationJob.read(path), path.parent
        logging.basicConfig(format="%(message)s")
        logging.getLogger("cvcore").setLevel(logging.INFO)
        print(f"evaluating {job.called} on {job.split}", flush=True)
        if job.source:
            from cvcore.evaluate.bring import bring

            job = bring(job, folder, _uri(job))

        from transformers.utils import logging as hf_logging

        from cvcore.cli.evaluate import table
        from cvcore.evaluate.saved import evaluate_saved

        hf_logging.disable_progress_bar()
        tracker = _tracker(job, folder)
        report = evaluate_saved(
            Path(job.model),
            job.overrides,
            job.split,
            folder / REPORT / job.split,
            job.device or None,
            tell=_Teller(folder, tracker),
            model_name=job.called,
        )
        print(table(report), flush=True)
        return 0 if tracker is None or _logged(tracker, job, folder, report) else 75

    return exit_code(run)


def _uri(job: EvaluationJob) -> str:
    return job.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI", "")


def _tracker(job: EvaluationJob, folder: Path) -> Tracker | None:
    from cvcore.metrics.tracker import Tracker

    uri = _uri(job)
    return Tracker(folder, uri, job.run_id) if job.run_id and uri else None


def _logged(tracker: Tracker, job: EvaluationJob, folder: Path, report: Report) -> bool:
    """Log figures and report to the run's MLflow run; False when the server did not take them."""
    tracker.params(
        {
            "task.kind": report.task,
            "task.metric": report.primary,
            "model.checkpoint": job.called,
            "split": job.split,
            "data.fingerprint": str(report.certificate["dataset_fingerprint"]),
        }
    )
    figures = {f"{job.split}/{key}": value for key, value in report.metrics.items()}
    known = report.intervals.get(report.primary)
    if known is not None:
        figures |= {f"{job.split}/{report.primary}_low": known.low}
        figures |= {f"{job.split}/{report.primary}_high": known.high}
    tracker.log(figures, 0)
    for path in sorted(report.folder.rglob("*")):
        if path.is_file():
            where = path.parent.relative_to(folder)
            tracker.artifact(path, where.as_posix())
    return tracker.finish("FINISHED")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
