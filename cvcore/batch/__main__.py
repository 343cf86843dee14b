"""`python -m cvcore.batch <batch.json>`: a batch as a run of its own; the same file goes on with it."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from cvcore.batch.job import BatchJob
from cvcore.batch.pool import Pool
from cvcore.batch.progress import BatchProgress
from cvcore.cli.exit import exit_code


def line(progress: BatchProgress) -> str:
    """Return how far a batch is, in a line."""
    share = 100 * progress.done / max(progress.total, 1)
    eta = "" if progress.eta_s is None else f", {duration(progress.eta_s)} left"
    bad = f", {progress.bad:,} unreadable" if progress.bad else ""
    return (
        f"{progress.done:,} of {progress.total:,} images ({share:.0f} %), "
        f"{progress.per_s:.1f} per second{eta}{bad}"
    )


def duration(seconds: float) -> str:
    """Return a time a person reads: 40 s, 12 min, 3 h 5 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def main(words: list[str]) -> int:
    """Run; 0 if it is done, 75 if it was interrupted and may be tried again."""
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    said = -1.0

    def tell(progress: BatchProgress) -> None:
        nonlocal said
        if progress.updated_at >= said + 5:
            said = progress.updated_at
            print(line(progress), flush=True)

    def run() -> int:
        job = BatchJob.from_dict(json.loads(Path(words[0]).read_text()))
        print(Pool(job, tell, lambda: stopped).run().message, flush=True)
        return 0

    return exit_code(run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
