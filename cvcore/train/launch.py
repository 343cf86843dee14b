"""Starts one process per device, the way torchrun does, and ends them together.

Not torchrun itself: it kills its processes 30 s after a signal, in the middle of a large checkpoint.
The same variables are set, so a training started by torchrun or deepspeed by hand is the same.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from cvcore.config.schema import Config
from cvcore.errors import ConfigError, TrainingError, TrainingInterrupted
from cvcore.train.signals import LAUNCHER_PID
from cvcore.train.worker import failure_file

log = logging.getLogger(__name__)

_GRACE_S = 15.0
_POLL_S = 0.1


def is_distributed() -> bool:
    """Return whether this process was started as one of several (torchrun, deepspeed, `launch`)."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def num_processes(config: Config) -> int:
    """Return how many processes a training has here.

    Raises:
        ConfigError: more GPUs are asked for than there are.
    """
    import torch

    asked = config.compute.num_devices
    gpus = 0 if config.trainer.use_cpu else torch.cuda.device_count()
    if asked == 0:
        return max(gpus, 1)
    if gpus and asked > gpus:
        raise ConfigError(
            f"compute.num_devices={asked}, but this machine has {gpus} GPU{'s' if gpus > 1 else ''}. "
            f"Allowed: 1 to {gpus}, 0 for all; with trainer.use_cpu=true any number."
        )
    return asked


def launch(config_file: Path, count: int) -> int:
    """Run `python -m cvcore.train.worker <config_file>` in `count` processes; return the exit code.

    SIGTERM and Ctrl-C are passed on once and waited for: the processes save first. A second Ctrl-C
    kills. When one process fails the others are ended.

    Raises:
        TrainingError: a process failed with a sentence (which is this one's), or was killed by a
            signal (SIGKILL: often out of memory).
    """
    from cvcore.train.distributed import free_port

    common = {
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        LAUNCHER_PID: str(os.getpid()),
    }
    if "OMP_NUM_THREADS" not in os.environ:
        common["OMP_NUM_THREADS"] = str(max((os.cpu_count() or 1) // count, 1))
    processes: list[subprocess.Popen[bytes]] = []
    received: list[int] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        again = received.count(signal.SIGINT) and number == signal.SIGINT
        received.append(number)
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL if again else number)

    former = {n: signal.signal(n, pass_on) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        for rank in range(count):
            environment = {**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank)}
            command = [sys.executable, "-m", "cvcore.train.worker", str(config_file)]
            # In a session of their own: Ctrl-C reaches them through us, once.
            processes.append(
                subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603
            )
        rank, code = _wait(processes, received)
    finally:
        _end(processes, 0.0)
        for number, handler in former.items():
            signal.signal(number, handler)
    if code < 0:
        name = signal.Signals(-code).name
        raise TrainingInterrupted(
            f"training process {rank} was ended by {name}"
            f"{' (often: out of memory)' if name == 'SIGKILL' else ''}. Start the same command again "
            f"to go on from the newest checkpoint; what the processes said is in "
            f"{config_file.parent}/log*.txt."
        )
    for kind in (TrainingError, TrainingInterrupted):
        if code == kind.exit_code:
            file = failure_file(config_file.parent, rank)
            raise kind(file.read_text() if file.is_file() else "a training process failed.")
    return code


def _wait(processes: list[subprocess.Popen[bytes]], received: list[int]) -> tuple[int, int]:
    """Return rank and exit code of the process that decides: the first that failed."""
    while True:
        codes = [p.poll() for p in processes]
        if all(code is not None for code in codes):
            break
        if any(code not in (None, 0) for code in codes) and not received:
            # The rest waits for the one that is gone.
            _end(processes, _GRACE_S)
            break
        time.sleep(_POLL_S)
    # The first to fail, not those that were ended for it, says what happened.
    return next(((rank, int(code)) for rank, code in enumerate(codes) if code), (0, 0))


def _end(processes: list[subprocess.Popen[Any]], grace_s: float) -> None:
    until = time.monotonic() + grace_s
    for process in processes:
        if process.poll() is None and grace_s:
            process.terminate()
    for process in processes:
        try:
            process.wait(max(until - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
