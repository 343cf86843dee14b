"""Why a training ended, the cause first: from what its processes wrote and left.

A log ends with the ranks that were ended because another one failed; the first that failed is the
one to show.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class _Known:
    pattern: re.Pattern[str]
    cause: str
    advice: str


def _known(pattern: str, cause: str, advice: str) -> _Known:
    return _Known(re.compile(pattern, re.IGNORECASE), cause, advice)


KNOWN = (
    _known(
        r"CUDA out of memory|OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED",
        "a GPU ran out of memory",
        "Halve trainer.per_device_train_batch_size and double trainer.gradient_accumulation_steps, "
        "choose deepspeed=zero2 or zero3, or a GPU with more memory (compute.min_gpu_memory_gib).",
    ),
    _known(
        r"Cannot allocate memory|DefaultCPUAllocator|MemoryError",
        "the machine ran out of memory",
        "Use fewer trainer.dataloader_num_workers or a machine with more memory.",
    ),
    _known(
        r"No space left on device|Disk quota exceeded",
        "the disk is full",
        "Set compute.local_dir to a larger disk, keep fewer checkpoints "
        "(trainer.save_total_limit), or take a machine with a larger one.",
    ),
    _known(
        r"bus error|unable to (open|allocate) shared memory|/dev/shm",
        "shared memory between data loaders ran out",
        "Use fewer trainer.dataloader_num_workers.",
    ),
    _known(
        r"NCCL (error|WARN)|ncclSystemError|ncclUnhandledCudaError|ncclRemoteError|"
        r"ProcessGroupNCCL.*(timeout|timed out)|Watchdog caught collective operation timeout",
        "the GPUs lost each other (NCCL)",
        "Try again; if it stays, set compute.spark_env_vars.NCCL_DEBUG=INFO, and NCCL_P2P_DISABLE=1 "
        "on machines with A10G.",
    ),
    _known(
        r"CUDA error: (device-side assert|an illegal memory access|unspecified launch failure)|"
        r"uncorrectable ECC|Xid",
        "a GPU failed",
        "Try again on another machine; a second time at the same step means a fault in model or "
        "data: set compute.spark_env_vars.CUDA_LAUNCH_BLOCKING=1 to see where.",
    ),
    _known(
        r"no kernel image is available|CUDA driver version is insufficient|"
        r"libcud(a|nn|art)\S*: cannot open shared object",
        "CUDA of this runtime does not fit its GPUs",
        "Choose a GPU ML runtime (compute.spark_version=17.3.x-gpu-ml-scala2.13).",
    ),
    _known(
        r"ModuleNotFoundError: No module named",
        "a library is missing on the node",
        "Check the libraries of the task, or the Docker image.",
    ),
    _known(
        r"PermissionError|Permission denied|PERMISSION_DENIED",
        "something may not be read or written",
        "Grant READ VOLUME and WRITE VOLUME on the Volume to whom the job runs as; "
        "see docs/permissions.md.",
    ),
)
"""From the special to the general; the first that matches is told."""

_ERROR_LINE = re.compile(r"^(?:error: .+|(?:\w+\.)*\w*(?:Error|Exception|Interrupt)\b.*)$")
_RANK = re.compile(r"^\[(?:rank|default)(\d+)\]:?\s*")


def sentence(text: str, run_dir: Path | None, code: int) -> str:
    """Return why an attempt failed, in one or two sentences.

    Args:
        text: the end of what it wrote.
        run_dir: its folder, where failed ranks leave a sentence; None if there is none.
        code: its exit code.
    """
    rank, said = _first_rank(run_dir) if run_dir is not None else (None, "")
    if said and not said.startswith("the training stopped by an unexpected error"):
        return _ended(f"rank {rank} failed: {said}", code)
    own, line = _first_error(text)
    said, rank = said or line, rank if rank is not None else own
    for known in KNOWN:
        if known.pattern.search(said or text):
            where = "" if rank is None else f" on rank {rank}"
            return _ended(f"{known.cause}{where}{_quoted(said)}. {known.advice}", code)
    if code > 128 and code - 128 in {int(s) for s in signal.Signals}:
        name = signal.Signals(code - 128).name
        hint = " (often: the machine ran out of memory)" if name == "SIGKILL" else ""
        return f"the training was ended by {name}{hint}{_quoted(said)}."
    where = "" if rank is None else f"rank {rank} failed: "
    said = said or _last_line(text)
    return _ended(f"{where}{said}" if said else "it said nothing", code)


def _ended(said: str, code: int) -> str:
    return f"{said.strip()} (exit code {code})"


def _quoted(said: str) -> str:
    return f": {said[:300]}" if said else ""


def _first_rank(run_dir: Path) -> tuple[int | None, str]:
    """Return the rank that left its sentence first."""
    found = []
    for file in run_dir.glob(".failure.*"):
        try:
            found.append((file.stat().st_mtime_ns, int(file.suffix[1:]), file.read_text()))
        except (OSError, ValueError):
            continue
    return min(found)[1:] if found else (None, "")


def _first_error(text: str) -> tuple[int | None, str]:
    """Return the first error line and its rank: what comes after is often its consequence.

    "error: ..." is a sentence for people and goes before an exception's name.
    """
    first: tuple[int | None, str] | None = None
    for raw in text.splitlines():
        match = _RANK.match(raw)
        line = _RANK.sub("", raw).strip()
        if line.startswith("error: "):
            return (int(match[1]) if match else None), line.removeprefix("error: ")[:500]
        if first is None and _ERROR_LINE.match(line):
            first = (int(match[1]) if match else None), line[:500]
    return first or (None, "")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
