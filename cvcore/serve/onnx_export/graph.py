"""The part of a saved model that becomes an ONNX graph: uint8 pixels in, the head's outputs out.

Letters: B = batch, H, W = model input size.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from cvcore.config.schema import ModelConf
from cvcore.data.normalise import normalise
from cvcore.models.families import Head

OUTPUTS: dict[Head, tuple[str, ...]] = {
    "classes": ("logits",),
    "pixels": ("logits",),
    "boxes": ("logits", "pred_boxes"),
    "boxes_masks": ("logits", "pred_boxes", "pred_masks"),
    "queries": ("class_queries_logits", "masks_queries_logits"),
}
"""Outputs by the format of the head; `cvcore.models.families.Head` says their shapes."""

INPUT = "image"
_INT32, _BOOL = 6, 9
"""Types of ONNX: onnx.TensorProto.INT32 and BOOL."""


class Graph(nn.Module):
    """uint8 [B, 3, H, W] RGB at the model's input size -> the outputs of its head, in order."""

    def __init__(self, model: Any, conf: ModelConf, head: Head) -> None:
        """Wrap a model in evaluation mode; normalisation becomes part of the graph."""
        super().__init__()
        self.model = model
        self.mean, self.std = list(conf.image_mean), list(conf.image_std)
        self.outputs = OUTPUTS[head]

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs, each [B, ...]."""
        pixels_B3HW = normalise(image, self.mean, self.std)
        found = self.model(pixel_values=pixels_B3HW)
        return tuple(getattr(found, name) for name in self.outputs)


def translations() -> dict[Any, Any]:
    """Return ONNX functions of operators that torch's exporter does not know, by operator."""
    from onnxscript import opset18

    op: Any = opset18  # its own annotations do not fit its decorated functions

    def all_true(values: Any) -> Any:
        return op.Cast(op.ReduceMin(op.Cast(values, to=_INT32), keepdims=0), to=_BOOL)

    # A D-FINE asks whether all of its decoder's points are valid.
    return {torch.ops.aten._is_all_true.default: all_true}
