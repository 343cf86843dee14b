"""What a run was made with: packages, commit, hardware."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import torch

GIB = float(1 << 30)


def environment() -> dict[str, Any]:
    """Return Python, packages with versions, git commit (None outside a checkout), hardware."""
    packages = {d.metadata["Name"]: d.version for d in metadata.distributions()}
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "git_commit": git_commit(),
        "cpu_cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / GIB, 1),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "cuda": torch.version.cuda,
        "packages": dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    }


def git_commit() -> str | None:
    """Return the commit of this code, with "-dirty" if files differ from it, or None."""
    folder = Path(__file__).parent
    try:
        command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"]
        done = subprocess.run(  # noqa: S603 (fixed words)
            command, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
