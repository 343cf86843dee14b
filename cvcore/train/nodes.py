"""Machines that do not share the run's folder: its files are brought from one to the others.

Only where `LAKESIGHT_EXCHANGE` names a folder that all machines see; otherwise nothing happens. The
run's folder has the same path on each. Every process calls these functions.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from cvcore.train import distributed

EXCHANGE = "LAKESIGHT_EXCHANGE"
"""Environment variable: a folder that all machines of a training see, e.g. on a Volume."""


def gather(folder: Path) -> None:
    """Bring what processes of other machines wrote into a folder to the first process's."""
    exchange = _exchange()
    if exchange is None:
        return
    mine = exchange / f"{folder.name}.{distributed.rank()}"
    if _speaks() and folder.is_dir():
        shutil.rmtree(mine, ignore_errors=True)
        _copy(folder, mine)
        shutil.rmtree(folder)
    distributed.wait_for_all()
    if distributed.rank() == 0:
        for part in sorted(exchange.glob(f"{folder.name}.*")):
            _copy(part, folder)
            shutil.rmtree(part)
    distributed.wait_for_all()


def spread(folder: Path) -> None:
    """Bring the first process's folder to the other machines, in place of what they have."""
    exchange = _exchange()
    if exchange is None:
        return
    shared = exchange / f"{folder.name}.all"
    if distributed.rank() == 0:
        shutil.rmtree(shared, ignore_errors=True)
        _copy(folder, shared)
    distributed.wait_for_all()
    if _speaks():
        shutil.rmtree(folder, ignore_errors=True)
        _copy(shared, folder)
    distributed.wait_for_all()
    if distributed.rank() == 0:
        shutil.rmtree(shared, ignore_errors=True)


def _exchange() -> Path | None:
    given = os.environ.get(EXCHANGE)
    return Path(given) if given else None


def _speaks() -> bool:
    """Whether this is the first process of a machine that is not the first one."""
    return distributed.rank() != 0 and int(os.environ.get("LOCAL_RANK", "0")) == 0


def _copy(source: Path, target: Path) -> None:
    """Copy files only: an object store takes no times and no permissions."""
    for path in sorted(source.rglob("*")):
        if path.is_file():
            to = target / path.relative_to(source)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)
