"""Which parameters are body and which head, and how deep in the body: for freezing and rates."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from transformers import PreTrainedModel

from cvcore.models.families import family_of


@dataclass(frozen=True)
class Parts:
    """Depth of every parameter of a model.

    Attributes:
        depths: parameter name -> None for the head; 0 for the stem (embeddings); i for the i-th
            layer of the body, counted from the image; what follows the last layer belongs to it.
        num_layers: layers of the body.

    Example:
        >>> parts = parts_of(model)  # doctest: +SKIP
        >>> parts.depths["vit.layers.0.mlp.fc1.weight"]  # doctest: +SKIP
        1
    """

    depths: dict[str, int | None]
    num_layers: int


def parts_of(model: PreTrainedModel) -> Parts:
    """Return the parts of an HF model; without a recognisable body all is head, 0 layers.

    The layers are the first `ModuleList` of the body in the order of registration, which is so for
    every model of the catalogue (tested one by one).
    """
    body = _body(model)
    names = [name for name, _ in model.named_parameters()]
    layers = _layers(model, body)
    if layers is None:
        return Parts(dict.fromkeys(names), 0)
    path, num_layers = layers
    depths: dict[str, int | None] = dict.fromkeys(names)
    inside = f"{body}." if body else ""
    depth = 0
    for name in names:
        if name.startswith(f"{path}."):
            depth = int(name[len(path) + 1 :].partition(".")[0]) + 1
        elif not name.startswith(inside) or (not body and _is_head(name)):
            continue
        elif not body and name.startswith("layernorm."):
            depths[name] = num_layers  # EoMT registers its last norm before its layers
            continue
        depths[name] = depth
    return Parts(depths, num_layers)


# EoMT's encoder is the model itself: these few modules beside it are the head.
_HEADS_AT_ROOT = ("query.", "upscale_block.", "mask_head.", "class_predictor.", "criterion.")


def _is_head(name: str) -> bool:
    return name.startswith(_HEADS_AT_ROOT)


def _body(model: PreTrainedModel) -> str:
    paths = (*family_of(model.config.model_type).body, model.base_model_prefix)
    return next((path for path in paths if path and _has(model, path)), "")


def _has(model: nn.Module, path: str) -> bool:
    try:
        model.get_submodule(path)
    except AttributeError:
        return False
    return True


def _layers(model: nn.Module, body: str) -> tuple[str, int] | None:
    """Return path and length of the body's first ModuleList."""
    for path, module in model.get_submodule(body).named_modules():
        if isinstance(module, nn.ModuleList) and len(module):
            return (f"{body}.{path}" if body else path), len(module)
    return None
