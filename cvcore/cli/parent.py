"""A child process that ends when its parent is killed: nobody waits for what it would still do."""

from __future__ import annotations

import os
import signal
import threading
import time

VARIABLE = "LAKESIGHT_ENDS_WITH_STDIN"
"""Set by a parent that holds the other end of this process's stdin, and writes nothing."""
_GRACE_S = 10.0


def end_with_parent() -> None:
    """Interrupt this process once its parent is gone; without `VARIABLE`: nothing."""
    if os.environ.pop(VARIABLE, ""):
        threading.Thread(target=_wait, daemon=True).start()


def _wait() -> None:
    # Not through sys.stdin, whose lock the end of the interpreter would wait for.
    while os.read(0, 4096):
        pass
    # Temporary folders are removed on the way out.
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_GRACE_S)
    os._exit(143)
