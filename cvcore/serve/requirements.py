"""The packages a saved model needs, pinned to the versions it was trained with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "huggingface-hub",
    "hydra-core",
    "mlflow",
    "numpy",
    "omegaconf",
    "opencv-python-headless",
    "pandas",
    "pillow",
    "pycocotools",
    "safetensors",
    "scipy",
    "torch",
    "transformers",
)


def pinned(known: Mapping[str, str] | None = None) -> list[str]:
    """Return `name==version` of each package; a local build tag (`+cpu`) is left out.

    Args:
        known: versions that a training recorded; the others are those that are installed here.
    """
    known = known or {}
    return [f"{name}=={(known.get(name) or version(name)).partition('+')[0]}" for name in PACKAGES]


def recorded(run_dir: Path) -> dict[str, str]:
    """Return the versions of PACKAGES that a run's folder recorded, else those installed here."""
    try:
        packages = json.loads((run_dir / "environment.json").read_text())["packages"]
    except (OSError, ValueError, KeyError, TypeError):
        packages = {}
    same = {_normal(name): found for name, found in packages.items()}
    return {name: found for name in PACKAGES if (found := same.get(name) or _installed(name))}


def _normal(name: str) -> str:
    return name.lower().replace("_", "-")


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
