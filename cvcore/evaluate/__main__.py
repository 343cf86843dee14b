"""`python -m cvcore.evaluate <evaluation.json>`: an evaluation as a run of its own."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path

from cvcore.cli.exit import exit_code
from cvcore.evaluate.job import REPORT, EvaluationJob, JobProgress

_SAID_EVERY_S = 5.0
_WRITTEN_EVERY_S = 0.5


class _Teller:
    """Says how far it is: in the folder often, in the output now and then."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
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
        report = evaluate_saved(
            Path(job.model),
            job.overrides,
            job.split,
            folder / REPORT / job.split,
            job.device or None,
            tell=_Teller(folder),
            model_name=job.called,
        )
        print(table(report), flush=True)
        return 0 if _logged(job, folder, report) else 75

    return exit_code(run)


def _uri(job: EvaluationJob) -> str:
    return job.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI", "")


def _logged(job: EvaluationJob, folder: Path, report: object) -> bool:
    """Log figures and report to the run's MLflow run; False when the server did not take them."""
    from cvcore.evaluate.report import Report
    from cvcore.metrics.tracker import Tracker

    assert isinstance(report, Report)
    uri = _uri(job)
    if not job.run_id or not uri:
        return True
    tracker = Tracker(folder, uri, job.run_id)
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
