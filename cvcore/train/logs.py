"""A run's log: everything in `log.txt`, one line per event on the console. Torch-free."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

FILE_ONLY = {"file_only": True}
"""`log.info(..., extra=FILE_ONLY)`: for log.txt, not for the console."""

_PROGRESS = "cvcore.train.callbacks.progress"


@contextmanager
def logging_to(run_dir: Path, rank: int) -> Iterator[None]:
    """Write the log of this process to the run's folder, and the first one's to stderr too.

    Tracebacks are in the file only. While a bar is shown, its lines are not repeated beside it.
    """
    root = logging.getLogger("cvcore")
    name = "log.txt" if rank == 0 else f"log.rank{rank}.txt"
    file = logging.FileHandler(run_dir / name, encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s  %(message)s"))
    handlers: list[logging.Handler] = [file]
    if rank == 0:
        handlers.append(_Console())
    former = root.level
    root.setLevel(logging.INFO)
    for handler in handlers:
        root.addHandler(handler)
    try:
        yield
    finally:
        root.setLevel(former)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


class _Console(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        beside_bar = record.name == _PROGRESS and sys.stderr.isatty()
        if beside_bar or getattr(record, "file_only", False):
            return
        level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        # Above a bar, if there is one.
        tqdm.write(f"{level}{record.getMessage()}", file=sys.stderr)
