"""`python -m launch.hostfile.start <config.yaml> --hostfile=...`: DeepSpeed's launcher, kept in order.

It is shielded from signals: it would kill other machines' processes at once. They are asked by a file
in the run's folder, which all machines see, and save before they end.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from launch.node import causes, prepare

STOP = ".stop"
_PASSED = ("include", "exclude", "master_addr", "master_port", "ssh_port")


def command(args: argparse.Namespace, stop: Path) -> list[str]:
    """Return the words of DeepSpeed's launcher."""
    words = [sys.executable, "-u", "-m", "deepspeed.launcher.runner", f"--hostfile={args.hostfile}"]
    words += [f"--{key}={getattr(args, key)}" for key in _PASSED if getattr(args, key) is not None]
    words += [*args.launcher_arg, "--no_local_rank", "--module", "launch.node.rank"]
    return [*words, str(args.config), f"--stop-file={stop}"]


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(prog="python -m launch.hostfile.start", description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--hostfile", required=True)
    parser.add_argument("--launcher-arg", action="append", default=[])
    for key in _PASSED:
        parser.add_argument(f"--{key}")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> int:
    """Run it; return 0, 2 for a user's fault, 143 after SIGTERM."""
    args = parsed(words)
    folder = args.config.parent
    stop = folder / STOP
    stop.unlink(missing_ok=True)
    prepare.clear(folder)
    asked = []

    def take(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        stop.touch()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, take)
    done = subprocess.run(  # noqa: S603 (our own words)
        command(args, stop), start_new_session=True, check=False
    )
    code = done.returncode if done.returncode >= 0 else 128 - done.returncode
    code = 128 + 256 - code if code > 192 else code
    if asked:
        return 128 + asked[0]
    if code == 0 and not prepare.has_ended_well(folder, code):
        code = 1
    if code and list(folder.glob(".failure.*")):  # else the last lines say more
        sys.stderr.write(f"error: {causes.sentence('', folder, code)}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
