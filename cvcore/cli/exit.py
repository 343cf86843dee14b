"""What a command's end looks like: one sentence for a user's fault, never a traceback for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from cvcore.errors import LakesightError


def exit_code(run: Callable[[], int]) -> int:
    """Run a command and return its exit code: its own, 2 for a user's fault, 130 for Ctrl-C.

    75 is a training that was killed or crashed, and may be tried again.
    """
    try:
        return run()
    except LakesightError as error:
        return refused(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (`| head`) has gone; keep the interpreter from writing to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def refused(error: LakesightError) -> int:
    """Print the sentence and return the error's exit code."""
    print(f"error: {error}", file=sys.stderr)
    return error.exit_code
