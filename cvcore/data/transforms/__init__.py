"""Image and truth to the model's input size, changed at random in training. Torch-free."""

from cvcore.data.transforms.changes import NO_CHANGES, Changes, draw_changes, generator
from cvcore.data.transforms.transform import Transform, fit_transform, train_transform

__all__ = [
    "NO_CHANGES",
    "Changes",
    "Transform",
    "draw_changes",
    "fit_transform",
    "generator",
    "train_transform",
]
