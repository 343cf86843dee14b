"""The optimizer: a learning rate for each depth, decay on matrices only, frozen parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.optimization import Adafactor

from cvcore.config.schema import OptimConf
from cvcore.errors import ConfigError
from cvcore.models.parts import Parts, parts_of


def parameter_groups(model: PreTrainedModel, conf: OptimConf) -> list[dict[str, Any]]:
    """Return the optimizer's groups: `params`, `lr`, `weight_decay`.

    Head: `learning_rate`. Body: times `backbone_lr_multiplier`, and times `layer_decay` for each
    layer between a parameter and the body's last one. Biases, norms and other vectors, and
    embeddings get no weight decay.
    """
    parts = parts_of(model) if _is_deep(conf) else Parts({}, 0)
    undecayed = {id(p) for p in _undecayed(model)}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = conf.learning_rate
        depth = parts.depths.get(name)
        if depth is not None:
            rate *= conf.backbone_lr_multiplier * conf.layer_decay ** (parts.num_layers - depth)
        decay = 0.0 if id(parameter) in undecayed else conf.weight_decay
        groups.setdefault((rate, decay), []).append(parameter)
    # The highest rate first: HF logs the first group's.
    return [
        {"params": groups[key], "lr": key[0], "weight_decay": key[1]}
        for key in sorted(groups, reverse=True)
    ]


def _is_deep(conf: OptimConf) -> bool:
    return conf.backbone_lr_multiplier != 1.0 or conf.layer_decay != 1.0


def _undecayed(model: nn.Module) -> Iterator[nn.Parameter]:
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            # ZeRO-3 leaves placeholders of size 0; the true shape is kept beside.
            shape = getattr(parameter, "ds_shape", parameter.shape)
            if len(shape) <= 1 or name == "bias" or isinstance(module, nn.Embedding):
                yield parameter


def build_optimizer(
    groups: list[dict[str, Any]], conf: OptimConf, *, cpu_offload: bool = False
) -> torch.optim.Optimizer:
    """Return the optimizer of a configuration over `parameter_groups`.

    Args:
        groups: what is trained.
        conf: which optimizer.
        cpu_offload: DeepSpeed keeps the states in CPU memory, which needs its own AdamW.

    Raises:
        ConfigError: everything is frozen, or the optimizer can't be offloaded.
    """
    if not groups:
        raise ConfigError("nothing is left to train: choose optim.freeze=none or stem.")
    betas = (conf.adam_beta1, conf.adam_beta2)
    if cpu_offload:
        if not conf.optim.startswith("adamw"):
            raise ConfigError(
                f"optim.optim={conf.optim} can't be offloaded to the CPU: DeepSpeed has AdamW for it "
                "only. Choose optim=adamw, or a deepspeed option without offload."
            )
        from deepspeed.ops.adam import DeepSpeedCPUAdam

        offloaded: torch.optim.Optimizer = DeepSpeedCPUAdam(groups, betas=betas, adamw_mode=True)
        return offloaded
    if conf.optim == "sgd":
        return torch.optim.SGD(groups, momentum=conf.momentum)
    if conf.optim == "adafactor":
        return Adafactor(groups, scale_parameter=False, relative_step=False, warmup_init=False)
    return torch.optim.AdamW(groups, betas=betas, fused=conf.optim == "adamw_torch_fused")


class Frozen:
    """The frozen part of a model: no gradients, and batch norms that keep their statistics."""

    def __init__(self, model: PreTrainedModel, freeze: str) -> None:
        """Freeze `none`, the `stem` (embeddings), or the whole `backbone`.

        Raises:
            ConfigError: the model has no part that can be told from its head.
        """
        self._norms: list[nn.Module] = []
        if freeze == "none":
            return
        parts = parts_of(model)
        last = parts.num_layers if freeze == "backbone" else 0
        frozen = {
            name for name, depth in parts.depths.items() if depth is not None and depth <= last
        }
        if not frozen:
            raise ConfigError(
                f"optim.freeze={freeze}: no {freeze} is known of model type "
                f"{model.config.model_type!r}. Choose optim.freeze=none."
            )
        for name, parameter in model.named_parameters():
            if name in frozen:
                parameter.requires_grad_(requires_grad=False)
        for path, module in model.named_modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and f"{path}.weight" in frozen:
                self._norms.append(module)

    def keep_statistics(self) -> None:
        """Put the frozen batch norms into evaluation mode; after each `model.train()`."""
        for norm in self._norms:
            norm.eval()
