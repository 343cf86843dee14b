"""DeepSpeed's list of machines, checked before anything is started."""

from __future__ import annotations

import re
from pathlib import Path

from launch.errors import SubmitError

_LINE = re.compile(r"^(\S+)\s+slots=(\d+)$")


def read(path: Path) -> dict[str, int]:
    """Return host -> number of GPUs.

    Raises:
        SubmitError: the file is not there, or a line is not `<host> slots=<number>`.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SubmitError(
            f"compute.hostfile={path} can't be read ({error.strerror}). Write one with a line "
            "`<host> slots=<GPUs>` for each machine."
        ) from error
    hosts: dict[str, int] = {}
    for number, raw in enumerate(lines, 1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        match = _LINE.match(line)
        if match is None or int(match[2]) == 0:
            raise SubmitError(
                f"line {number} of {path} is {raw.strip()!r}. Write `<host> slots=<GPUs>`, e.g. "
                "`node1 slots=8`."
            )
        if match[1] in hosts:
            raise SubmitError(f"{path} names {match[1]!r} twice. Keep one line for each machine.")
        hosts[match[1]] = int(match[2])
    if not hosts:
        raise SubmitError(f"{path} names no machine. Write `<host> slots=<GPUs>` lines.")
    return hosts
