"""Schemas of the groups `optim`, `trainer`, `deepspeed`. Keys are HF `TrainingArguments` names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cvcore.config.schema.info import opt


@dataclass
class OptimConf:
    """The optimizer and its schedule."""

    optim: str = opt(
        "adamw_torch",
        "Optimizer.",
        choices=("adamw_torch", "adamw_torch_fused", "sgd", "adafactor"),
    )
    learning_rate: float = opt(1e-4, "Peak learning rate.", bounds=(0, 10))
    weight_decay: float = opt(1e-4, "Decoupled weight decay.", bounds=(0, 1))
    adam_beta1: float = opt(0.9, "Adam's first beta.", bounds=(0, 1), advanced=True)
    adam_beta2: float = opt(0.999, "Adam's second beta.", bounds=(0, 1), advanced=True)
    momentum: float = opt(0.9, "Momentum of sgd.", bounds=(0, 1), advanced=True)
    lr_scheduler_type: str = opt(
        "cosine",
        "How the learning rate falls after warm-up.",
        choices=("cosine", "linear", "constant", "constant_with_warmup", "polynomial", "step"),
    )
    warmup_ratio: float = opt(0.05, "Fraction of the steps spent warming up.", bounds=(0, 1))
    step_size: float = opt(
        0.33,
        "For 'step': the rate falls each time this fraction of the training is done.",
        bounds=(0.01, 1),
        advanced=True,
    )
    step_gamma: float = opt(0.1, "For 'step': factor of each fall.", bounds=(0, 1), advanced=True)
    backbone_lr_multiplier: float = opt(
        1.0, "Backbone's learning rate over the head's.", bounds=(0, 10)
    )
    layer_decay: float = opt(
        1.0, "Each earlier backbone layer's rate over the next one's; 1: none.", bounds=(0.1, 1)
    )
    class_balance: float = opt(
        0.0,
        "Semantic segmentation: how much more pixels of rare classes count; 0: all the same, "
        "0.5: by the root of their rarity, 1: every class of an image the same.",
        bounds=(0, 1),
    )
    freeze: str = opt("none", "Parts that are not trained.", choices=("none", "backbone", "stem"))


@dataclass
class TrainerConf:
    """The training loop."""

    num_train_epochs: float = opt(20.0, "Passes over the train split.", bounds=(0, 10_000))
    max_steps: int = opt(
        -1, "Optimizer steps; above 0 it wins over epochs.", unit="steps", bounds=(-1, None)
    )
    time_budget_s: float | None = opt(
        None, "Stop (evaluate, save) after this much training.", unit="s", bounds=(1, None)
    )
    per_device_train_batch_size: int = opt(8, "Images per device and step.", bounds=(1, 4096))
    per_device_eval_batch_size: int = opt(16, "Images per device in evaluation.", bounds=(1, 4096))
    gradient_accumulation_steps: int = opt(1, "Batches per optimizer step.", bounds=(1, 4096))
    auto_find_batch_size: bool = opt(
        True, "On out-of-memory halve the batch and double the accumulation: same effective batch."
    )
    max_grad_norm: float = opt(1.0, "Gradient norm is clipped to this; 0: never.", bounds=(0, None))
    precision: str = opt(
        "auto",
        "Number format of the training; auto: bf16 where the device has it, else fp32.",
        choices=("auto", "fp32", "bf16", "fp16"),
    )
    gradient_checkpointing: bool = opt(False, "Less memory, more time.", advanced=True)
    torch_compile: bool = opt(False, "Compile the model.", advanced=True)
    ema_decay: float | None = opt(
        None,
        "Decay of the moving average of weights that is evaluated and saved; null: none.",
        bounds=(0, 0.999999),
    )
    eval_steps: int | None = opt(
        None, "Evaluate every N steps; null: after each epoch.", unit="steps", bounds=(1, None)
    )
    save_steps: int | None = opt(
        None, "Save every N steps; null: at each evaluation.", unit="steps", bounds=(1, None)
    )
    save_interval_s: float = opt(
        600.0, "Save at least this often.", unit="s", bounds=(1, None), advanced=True
    )
    save_total_limit: int = opt(2, "Checkpoints kept besides the best one.", bounds=(1, 100))
    logging_steps: int = opt(10, "Log the loss every N steps.", unit="steps", bounds=(1, None))
    early_stopping_patience: int | None = opt(
        None, "Stop after this many evaluations without a better metric.", bounds=(1, None)
    )
    early_stopping_threshold: float = opt(
        0.0, "What counts as better.", bounds=(0, None), advanced=True
    )
    dataloader_num_workers: int = opt(2, "Processes that decode images.", bounds=(0, 256))
    use_cpu: bool = opt(False, "Train on the CPU even where there is a GPU.", advanced=True)
    bootstrap_samples: int = opt(
        200,
        "Resamples of the final evaluation's confidence intervals; 0: none.",
        bounds=(0, 10_000),
        advanced=True,
    )


@dataclass
class DeepspeedConf:
    """DeepSpeed's own configuration, passed through unchanged; null: no DeepSpeed."""

    config: dict[str, Any] | None = opt(None, "See deepspeed.ai/docs/config-json.", advanced=True)
