"""One process of a training on a worker of a Spark cluster: `worker.py <spec> <attempt>`.

Run as a file by torchrun, which Spark's distributor starts on each worker.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from cvcore.data.places import localise
from cvcore.errors import LakesightError
from cvcore.metrics.delivery import SPOOL_ONLY
from launch.base import ATTEMPT_VARIABLE, RUN_ID_VARIABLE
from launch.node import prepare, rank
from launch.node.layout import NodeSpec
from launch.node.mirror import Publisher
from launch.node.run import read_spec

_EXCHANGE_VARIABLE = "LAKESIGHT_EXCHANGE"
_READY_S = 1800.0


def shared_folder(spec: NodeSpec, attempt: int) -> Path:
    """Return the folder on the Volume through which machines of an attempt speak."""
    return localise(f"{spec.folder.path}/exchange-{spec.run.generation}-{attempt}")


def stop_file(shared: Path) -> Path:
    """Return the file that means: save and end."""
    return shared / "stop"


def main(words: Sequence[str]) -> int:
    """Prepare this machine and train; return the exit code."""
    parser = argparse.ArgumentParser(prog="worker.py", description=__doc__)
    parser.add_argument("spec")
    parser.add_argument("attempt", type=int)
    # The distributor adds --deepspeed and --deepspeed_config; ours is in the configuration.
    args, _ = parser.parse_known_args(words)
    spec = read_spec(args.spec)
    shared = shared_folder(spec, args.attempt)
    exchange = shared / "files"
    exchange.mkdir(parents=True, exist_ok=True)
    os.environ.update(spec.run.environment)
    os.environ |= {
        RUN_ID_VARIABLE: spec.run.run_id,
        ATTEMPT_VARIABLE: str(args.attempt),
        SPOOL_ONLY: "1",
        _EXCHANGE_VARIABLE: str(exchange),
    }
    folder = _prepared(spec, args.attempt)
    publisher = Publisher(folder, shared / "spool") if os.environ["RANK"] == "0" else None
    try:
        return rank.run(folder / prepare.CONFIG, [stop_file(shared)])
    finally:
        if publisher is not None:
            publisher.close()


def _prepared(spec: NodeSpec, attempt: int) -> Path:
    """Return the run's folder on this machine; the machine's first process makes it.

    Raises:
        LakesightError: the Volume or the disk can't be used.
    """
    folder = prepare.local_folder(spec)
    ready = folder / f".ready-{spec.run.generation}-{attempt}-{os.environ.get('MASTER_PORT', '')}"
    if os.environ.get("LOCAL_RANK", "0") == "0":
        prepare.fetch(spec)
        prepare.adapt(spec, folder, attempt, int(os.environ["WORLD_SIZE"]))
        prepare.clear(folder)
        ready.touch()
        return folder
    until = time.monotonic() + _READY_S
    while not ready.exists():
        if time.monotonic() > until:
            raise LakesightError(f"the first process of this machine did not prepare {folder}.")
        time.sleep(0.2)
    return folder


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except LakesightError as error:
        sys.stderr.write(f"error: {error}\n")
        code = 2
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
