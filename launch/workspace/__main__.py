"""`python -m launch.workspace --port 0 --root DIR`: the fake workspace until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from launch.workspace.server import FakeWorkspace


def main() -> None:
    """Serve, and print the variables that point a client here."""
    parser = argparse.ArgumentParser(prog="python -m launch.workspace", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--root", type=Path, required=True, help="folder of all state")
    arguments = parser.parse_args()
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    with FakeWorkspace(arguments.root, arguments.port) as ws:
        for name, value in ws.environment().items():
            print(f"{name}={value}", flush=True)
        done.wait()


if __name__ == "__main__":
    main()
