"""`python -m launch.node.rank <config.yaml>`: one process of a training over several machines.

Started by whatever knows the machines: DeepSpeed's launcher over ssh, or Spark. A file that appears
is the wish to stop: signals do not reach other machines.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

_LOOK_S = 2.0


def main(words: Sequence[str]) -> int:
    """Train as one of several; return the exit code: 0, 2 for a user's fault."""
    parser = argparse.ArgumentParser(prog="python -m launch.node.rank", description=__doc__)
    parser.add_argument("config", type=Path, help="the run's configuration, on this machine")
    parser.add_argument("--stop-file", type=Path, action="append", default=[])
    # Spark's distributor adds --deepspeed and --deepspeed_config; ours is in the configuration.
    args, _ = parser.parse_known_args(words)
    return run(args.config, args.stop_file)


def run(config: Path, stop_files: Sequence[Path]) -> int:
    """Train; a stop file means SIGTERM, on which the training saves and ends."""
    from cvcore.train.worker import main as train

    if stop_files:
        threading.Thread(target=_watch, args=(list(stop_files),), daemon=True).start()
    return train(config)


def _watch(stop_files: Sequence[Path]) -> None:
    while not any(file.exists() for file in stop_files):
        time.sleep(_LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    # Threads of a broken process group may hang on exit; everything is written by now.
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
