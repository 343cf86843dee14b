"""Checks of this machine: Python, packages, memory, devices, disk, ports."""

from __future__ import annotations

import importlib.metadata as metadata
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from launch.doctor.check import Check, Context, Verdict

GIB = float(1 << 30)
LEAST_PYTHON = (3, 11)
_STALE_S = 900.0


def _python(_: Context) -> Verdict:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < LEAST_PYTHON:
        return Verdict("fail", f"Python {found}; 3.11 or newer is needed")
    return Verdict("ok", f"Python {found}")


def _packages(_: Context) -> Verdict:
    from packaging.requirements import Requirement

    missing, wrong, right = [], [], 0
    for text in metadata.requires("lakesight") or []:
        requirement = Requirement(text)
        wanted = ("", "train", "databricks")
        if requirement.marker and not any(
            requirement.marker.evaluate({"extra": e}) for e in wanted
        ):
            continue
        try:
            found = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            missing.append(requirement.name)
            continue
        if requirement.specifier.contains(found, prereleases=True):
            right += 1
        else:
            wrong.append(f"{requirement.name} {found} (needs {requirement.specifier})")
    if missing or wrong:
        absent = [f"{name} is not installed" for name in missing]
        return Verdict("fail", "; ".join([*wrong, *absent]))
    return Verdict("ok", f"{right} packages fit")


def _torch_pair(_: Context) -> Verdict:
    try:
        torch, vision = metadata.version("torch"), metadata.version("torchvision")
    except metadata.PackageNotFoundError:
        return Verdict("ok", "torchvision is not installed and not needed")
    builds = [version.partition("+")[2] for version in (torch, vision)]
    if builds[0] != builds[1]:
        said = f"torch {torch} and torchvision {vision} are from different builds"
        return Verdict("warn", said, {"torch_version": torch.partition("+")[0]})
    return Verdict("ok", f"torch {torch}, torchvision {vision}")


def _memory(_: Context) -> Verdict:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    if total < 4:
        return Verdict("warn", f"{total:.1f} GiB of memory; training takes 4 or more")
    return Verdict("ok", f"{total:.0f} GiB of memory, {os.cpu_count()} cores")


def _shared_memory(context: Context) -> Verdict:
    folder = Path("/dev/shm")  # noqa: S108 (not a file of ours: its size is asked)
    if not folder.is_dir():
        return Verdict("ok", "no /dev/shm on this system")
    size = shutil.disk_usage(folder).total / GIB
    workers = context.config.trainer.dataloader_num_workers if context.config else 2
    if size < 0.5 and workers:
        return Verdict(
            "warn", f"{folder} holds {size * 1024:.0f} MiB; loader workers pass images there"
        )
    return Verdict("ok", f"{size:.1f} GiB in /dev/shm")


def _devices(context: Context) -> Verdict:
    gpus = gpus_here()
    asked = context.config.compute.num_devices if context.config else 1
    on_cpu = bool(context.config and context.config.trainer.use_cpu)
    is_local = not context.config or context.config.compute.kind == "local"
    values = {"num_gpus": len(gpus)}
    if not gpus:
        if is_local and asked > 1 and not on_cpu:
            return Verdict(
                "warn",
                f"compute.num_devices={asked} without a GPU: {asked} processes on the CPU",
                values,
            )
        return Verdict("ok", "no GPU here: trainings on this machine run on the CPU")
    if is_local and asked > len(gpus) and not on_cpu:
        return Verdict(
            "fail", f"compute.num_devices={asked}, but there are {len(gpus)} GPUs", values
        )
    return Verdict("ok", ", ".join(gpu["name"] for gpu in gpus))


def _precision(context: Context) -> Verdict:
    if context.config is None:
        return Verdict("skipped", "the configuration does not compose")
    asked, gpus = context.config.trainer.precision, gpus_here()
    if context.config.compute.kind != "local":
        return Verdict("ok", f"{asked}; decided by the cluster's GPU")
    if asked == "fp16" and (not gpus or context.config.trainer.use_cpu):
        return Verdict("fail", "trainer.precision=fp16 needs a GPU, and there is none")
    if asked == "bf16" and gpus and min(gpu["capability"] for gpu in gpus) < 8.0:
        return Verdict("fail", f"the {gpus[0]['name']} does not compute in bf16")
    return Verdict("ok", f"trainer.precision={asked}")


def gpus_here() -> list[dict[str, Any]]:
    """Return name and compute capability of this machine's GPUs, as the driver tells; torch-free."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, "--query-gpu=name,compute_cap", "--format=csv,noheader"]
    try:
        done = subprocess.run(  # noqa: S603 (fixed words)
            command, capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [line.rpartition(",") for line in done.stdout.splitlines() if "," in line]
    return [{"name": name.strip(), "capability": float(cap)} for name, _, cap in rows]


def _torch_extensions(_: Context) -> Verdict:
    root = Path(os.environ.get("TORCH_EXTENSIONS_DIR", "~/.cache/torch_extensions")).expanduser()
    stale = [lock for lock in root.rglob("lock") if time.time() - lock.stat().st_mtime > _STALE_S]
    if stale:
        said = (
            f"{stale[0]} was left by a process that was killed; who builds the same waits forever"
        )
        return Verdict("fail", said, {"lock": stale[0]})
    return Verdict("ok", "no build was left unfinished")


def _port(_: Context) -> Verdict:
    try:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            number = s.getsockname()[1]
    except OSError as error:
        return Verdict("fail", f"no port of 127.0.0.1 can be opened ({error.strerror})")
    proxy = os.environ.get("http_proxy") or os.environ.get("HTTP_PROXY")
    exempt = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if proxy and not re.search(r"(^|,)\s*(\*|127\.0\.0\.1|localhost)", exempt):
        return Verdict("warn", "a proxy is set and 127.0.0.1 is not exempt from it")
    return Verdict("ok", f"processes can meet on 127.0.0.1 (tried {number})")


MACHINE = (
    Check(
        "python", "local", "The version of Python.",
        "Older ones can't run this code; Databricks Apps have 3.11, job clusters 3.12.",
        "python3.11 -m venv .venv && .venv/bin/pip install 'lakesight[train,databricks]'",
        _python,
    ),
    Check(
        "packages", "local", "Installed packages against the versions Lakesight asks for.",
        "Errors far from their cause; a resumed training that differs.",
        "pip install -c constraints.txt 'lakesight[train,databricks]'",
        _packages,
    ),
    Check(
        "torch build", "local", "Whether torch and torchvision are from one source.",
        "`operator torchvision::nms does not exist` at the first import.",
        "pip install --force-reinstall 'torch=={torch_version}' torchvision, both from one index",
        _torch_pair,
    ),
    Check(
        "memory", "local", "Memory and cores of this machine.",
        "Processes are killed without a word (exit code -9).",
        "lakesight plan [overrides], then a smaller model or trainer.per_device_train_batch_size",
        _memory,
    ),
    Check(
        "shared memory", "local", "The size of /dev/shm.",
        "`DataLoader worker is killed by signal: Bus error` in containers.",
        "docker run --shm-size=2g ..., or trainer.dataloader_num_workers=0",
        _shared_memory,
    ),
    Check(
        "devices", "local", "GPUs the driver shows, against compute.num_devices.",
        "The training is refused, or several processes share the CPU.",
        "compute.num_devices=0 takes all GPUs there are ({num_gpus} here)",
        _devices,
    ),
    Check(
        "precision", "local", "trainer.precision against the devices.",
        "The training is refused: fp16 needs a GPU, bf16 one of compute capability 8.0 or newer.",
        "trainer.precision=auto",
        _precision,
    ),
    Check(
        "torch extensions", "local", "Lock files in torch's folder of compiled extensions.",
        "A training with DeepSpeed's offload hangs before its first step and says nothing.",
        "rm '{lock}'",
        _torch_extensions,
    ),
    Check(
        "loopback", "local", "Whether processes of this machine can meet on 127.0.0.1.",
        "Trainings on several devices hang at the start; a local tracking server is not found.",
        "export NO_PROXY=127.0.0.1,localhost",
        _port,
    ),
)  # fmt: skip
