"""Heavy steps in a process of their own: torch and MLflow's global state stay out of this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from cvcore.cli.parent import VARIABLE
from launch.registry.errors import RegistryError
from launch.stack import require_torch

TIMEOUT_S = 3 * 3600.0
_USER_FAULT = 2
_KEPT_LINES = 200


def run(
    words: Sequence[str],
    what: str,
    say: Callable[[str], None] = lambda _: None,
    timeout_s: float = TIMEOUT_S,
) -> dict[str, Any]:
    """Run `python -m <words>` and return the JSON of its last line.

    The process ends when this one is killed: what it made would come beside what is made again.

    Args:
        words: module and arguments.
        what: is done, for messages: "the registration".
        say: is told each line of progress (stderr).
        timeout_s: how long it may take, seconds.

    Raises:
        RegistryError: it failed, and what the process said; or there is no torch here.
    """
    require_torch(f"{what[:1].upper()}{what[1:]}", RegistryError)
    process = subprocess.Popen(  # noqa: S603 (our own module)
        [sys.executable, "-m", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "TOKENIZERS_PARALLELISM": "false",
            "PYTHONUNBUFFERED": "1",
            VARIABLE: "1",
        },
    )
    said: list[str] = []
    assert process.stderr is not None
    assert process.stdout is not None
    errors = process.stderr

    def listen() -> None:
        for line in errors:
            said.append(line.rstrip())
            del said[:-_KEPT_LINES]
            say(line.rstrip())

    listener = threading.Thread(target=listen, daemon=True)
    timer = threading.Timer(timeout_s, process.kill)
    listener.start()
    timer.start()
    try:
        out = process.stdout.read()
        code = process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        timer.cancel()
        listener.join(5)
    if code == 0:
        found: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
        return found
    if code == _USER_FAULT:
        start = next((i for i, line in enumerate(said) if line.startswith("error: ")), 0)
        raise RegistryError("\n".join(said[start:]).removeprefix("error: "))
    killed = " (often: out of memory, or the time limit)" if code == -9 else ""
    last = next((line for line in reversed(said) if line.strip()), "it said nothing")
    raise RegistryError(f"{what} did not end well: its process ended with {code}{killed}: {last}")
