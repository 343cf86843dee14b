"""`python -m launch.testing.payload <words>`: a run that does what a test of a launcher needs.

succeed             write two lines (one with more than ASCII) and end with 0
fail                write a line and end with 3
refuse              write a line and end with 2, as for a fault of the user: no use to try again
succeed-at N        end with 3 on every attempt before number N
sleep S             write a line, wait, end with 0
stubborn S          as sleep, but SIGTERM is ignored

`said(words, attempt)` is what it writes, so that a fake can write the same without a process.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence

from launch.base import ATTEMPT_VARIABLE

MODULE = "launch.testing.payload"
STARTED = "payload started, attempt "


def said(words: Sequence[str], attempt: int) -> str:
    """Return what is written."""
    more = "Größe 1 µm, 日本語 ✓\n" if words[0] == "succeed" else ""
    return f"{STARTED}{attempt}: {' '.join(words)}\n{more}"


def code_of(words: Sequence[str], attempt: int) -> int:
    """Return the exit code, if nothing stops it."""
    if words[0] == "succeed-at":
        return 0 if attempt >= int(words[1]) else 3
    return {"fail": 3, "refuse": 2}.get(words[0], 0)


def duration_s(words: Sequence[str]) -> float:
    """Return how long it takes, seconds."""
    return float(words[1]) if words[0] in ("sleep", "stubborn") else 0.0


def main(words: Sequence[str]) -> int:
    """Do what the words say and return the exit code."""
    attempt = int(os.environ.get(ATTEMPT_VARIABLE, "1"))
    if words[0] == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdout.buffer.write(said(words, attempt).encode())
    sys.stdout.flush()
    time.sleep(duration_s(words))
    return code_of(words, attempt)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
