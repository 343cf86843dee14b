"""From a configuration to HF's TrainingArguments, checked against this machine."""

from __future__ import annotations

import copy
import logging
from math import ceil
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, TrainingArguments

from cvcore.config.schema import Config
from cvcore.errors import ConfigError
from cvcore.models.families import family_of
from cvcore.models.source import model_type_of
from cvcore.train.launch import is_distributed

log = logging.getLogger(__name__)

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None}
"""Number format -> what a forward pass outside of HF's loop computes in."""


def uses_cpu(config: Config) -> bool:
    """Return whether the training runs on the CPU."""
    return config.trainer.use_cpu or not torch.cuda.is_available()


def precision(config: Config) -> str:
    """Return fp32, bf16 or fp16: what `trainer.precision` means on this machine.

    Raises:
        ConfigError: the device can't compute in the asked format.
    """
    asked = config.trainer.precision
    on_cpu = uses_cpu(config)
    has_bf16 = not on_cpu and torch.cuda.is_bf16_supported(including_emulation=False)
    if asked == "auto":
        return "bf16" if has_bf16 else "fp32"
    if asked == "fp16" and on_cpu:
        raise ConfigError(
            "trainer.precision=fp16 needs a GPU, and this training runs on the CPU. Allowed here: "
            "fp32, bf16; auto chooses."
        )
    if asked == "bf16" and not on_cpu and not has_bf16:
        raise ConfigError(
            f"trainer.precision=bf16 is not supported by this GPU ({torch.cuda.get_device_name()}). "
            "Allowed here: fp32, fp16; auto chooses."
        )
    return asked


def zero_stage(config: Config) -> int:
    """Return the ZeRO stage of the DeepSpeed configuration; 0 without DeepSpeed."""
    return int((config.deepspeed.config or {}).get("zero_optimization", {}).get("stage", 0))


def offloads_optimizer(config: Config) -> bool:
    """Return whether DeepSpeed keeps optimizer states in CPU memory."""
    zero = (config.deepspeed.config or {}).get("zero_optimization", {})
    return str(zero.get("offload_optimizer", {}).get("device", "none")) == "cpu"


_VECTOR_LINEAR = {"d_fine", "deimv2"}
"""Model types that call `linear` with a vector, which the backward of ZeRO-3's own one can't do."""


def autocasts_itself(config: Config) -> bool:
    """Return whether DeepSpeed does the autocast, and HF is to leave the number format alone."""
    return "torch_autocast" in (config.deepspeed.config or {})


def deepspeed_dict(config: Config) -> dict[str, Any] | None:
    """Return DeepSpeed's configuration; None without DeepSpeed.

    "auto" in `torch_autocast` becomes what `trainer.precision` means here; HF fills every other
    "auto". DeepSpeed's own `bf16` would cast the weights and not the buffers, which no model with batch
    norms survives.
    """
    settings = copy.deepcopy(config.deepspeed.config)
    if settings is None:
        return None
    if zero_stage(config) == 3 and model_type_of(config.model) in _VECTOR_LINEAR:
        settings["zero_optimization"].setdefault("memory_efficient_linear", False)
    if autocasts_itself(config):
        autocast = settings["torch_autocast"]
        dtype = AUTOCAST[precision(config)]
        if autocast.get("enabled") == "auto":
            autocast["enabled"] = dtype is not None
        if autocast.get("dtype") == "auto":
            autocast["dtype"] = str(dtype or torch.bfloat16).removeprefix("torch.")
    return settings


def check(config: Config) -> None:
    """Refuse what does not go together.

    Raises:
        ConfigError: says what to change.
    """
    precision(config)
    if config.trainer.ema_decay is not None and zero_stage(config) == 3:
        raise ConfigError(
            f"trainer.ema_decay={config.trainer.ema_decay} does not go with ZeRO stage 3: no process "
            "holds all weights to average. Choose deepspeed=zero2, or trainer.ema_decay=null."
        )
    conf = config.optim
    if conf.class_balance:
        require_class_maps(config)
    if conf.lr_scheduler_type == "constant" and conf.warmup_ratio > 0:
        log.info("the schedule 'constant' has no warm-up; 'constant_with_warmup' has one")


def require_class_maps(config: Config) -> None:
    """Refuse `optim.class_balance` where the loss is not one of pixels and classes."""
    model_type = model_type_of(config.model)
    if family_of(model_type).heads.get(config.task.kind) == "queries":
        what = f"{model_type}, which is trained on masks, not on pixels"
    elif config.task.kind != "semantic_segmentation":
        what = config.task.kind
    else:
        return
    raise ConfigError(
        f"optim.class_balance={config.optim.class_balance} is for semantic segmentation by classes "
        f"of pixels; this run is {what}. Leave it at 0."
    )


def require_checkpointing(model: PreTrainedModel, config: Config) -> None:
    """Refuse `trainer.gradient_checkpointing` where transformers has none for the model.

    Raises:
        ConfigError: says what else needs less memory.
    """
    if config.trainer.gradient_checkpointing and not model.supports_gradient_checkpointing:
        raise ConfigError(
            f"trainer.gradient_checkpointing=true: transformers has none for {model.config.model_type}. "
            "Leave it false; a smaller trainer.per_device_train_batch_size with more "
            "trainer.gradient_accumulation_steps needs less memory too."
        )


def training_arguments(
    config: Config, folder: Path, batch_size: int, accumulation: int
) -> TrainingArguments:
    """Return HF's arguments. Creating them joins the other processes of this training.

    When to evaluate and save is not known before the data: see `set_intervals`.

    Args:
        config: the run's.
        folder: of the checkpoints.
        batch_size: per device, as found or configured.
        accumulation: batches per optimizer step.
    """
    conf = config.trainer
    formats = precision(config)
    arguments: dict[str, Any] = {
        "output_dir": str(folder),
        "num_train_epochs": conf.num_train_epochs,
        "max_steps": conf.max_steps,
        "per_device_train_batch_size": batch_size,
        "per_device_eval_batch_size": conf.per_device_eval_batch_size,
        "gradient_accumulation_steps": accumulation,
        "max_grad_norm": conf.max_grad_norm,
        "learning_rate": config.optim.learning_rate,
        "weight_decay": config.optim.weight_decay,
        "adam_beta1": config.optim.adam_beta1,
        "adam_beta2": config.optim.adam_beta2,
        "bf16": formats == "bf16" and not autocasts_itself(config),
        "fp16": formats == "fp16" and not autocasts_itself(config),
        "use_cpu": uses_cpu(config),
        "ddp_backend": "gloo" if uses_cpu(config) and is_distributed() else None,
        "activation_checkpointing": conf.gradient_checkpointing,
        "torch_compile": conf.torch_compile,
        "eval_strategy": "steps",
        "eval_steps": 1,
        "save_strategy": "steps",
        "logging_steps": conf.logging_steps,
        "metric_for_best_model": config.task.metric,
        "greater_is_better": config.task.greater_is_better,
        "seed": config.seed,
        "deepspeed": deepspeed_dict(config),
        # What HF does by default and we do otherwise:
        "report_to": "none",
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "logging_nan_inf_filter": False,  # it would hide a loss that is not a number
        "average_tokens_across_devices": False,
        "log_level": "error",
    }
    args = TrainingArguments(**arguments)
    if args.n_gpu > 1:
        # HF would wrap the model in DataParallel.
        log.warning(
            "%d GPUs are visible to this one process, it uses the first. compute.num_devices=0 starts "
            "one process for each.",
            args.n_gpu,
        )
        args._n_gpu = 1
    return args


def set_intervals(args: TrainingArguments, config: Config, steps_per_epoch: int) -> None:
    """Evaluate every `trainer.eval_steps`, else after each epoch; save with it or as configured."""
    args.eval_steps = config.trainer.eval_steps or steps_per_epoch
    args.save_steps = config.trainer.save_steps or args.eval_steps


def max_steps(config: Config, steps_per_epoch: int) -> int:
    """Return the optimizer steps of the whole training."""
    conf = config.trainer
    return conf.max_steps if conf.max_steps > 0 else ceil(conf.num_train_epochs * steps_per_epoch)
