"""The packages a saved model needs, pinned to the versions it was trained with."""

from __future__ import annotations

from importlib.metadata import version

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


def pinned() -> list[str]:
    """Return `name==version` of each package; a local build tag (`+cpu`) is left out."""
    return [f"{name}=={version(name).partition('+')[0]}" for name in PACKAGES]
