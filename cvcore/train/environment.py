"""What a run was made with: packages, commit, hardware."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

import psutil
import torch

from cvcore.train.commit import git_commit

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
