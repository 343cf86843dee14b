"""Schemas of the groups `task` and `model`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cvcore.config.schema.data import TASKS
from cvcore.config.schema.info import opt


@dataclass
class TaskConf:
    """What is predicted and by which metric models are compared."""

    kind: str = opt("???", "The task.", choices=TASKS, advanced=True)
    metric: str = opt("???", "The metric that chooses the best checkpoint, e.g. AP or mIoU.")
    greater_is_better: bool = opt(True, "Whether a larger metric is better.", advanced=True)
    max_detections: int = opt(
        100, "Most detections kept per image, for metric and prediction.", bounds=(1, 1000)
    )


@dataclass
class RecipeConf:
    """A model's tuned training values; groups `optim` and `trainer` take them as defaults."""

    learning_rate: float = opt(1e-4, "Peak learning rate.", bounds=(0, 10))
    backbone_lr_multiplier: float = opt(1.0, "Backbone's rate over the head's.", bounds=(0, 10))
    layer_decay: float = opt(
        1.0, "Each earlier backbone layer's rate over the next one's; 1: none.", bounds=(0.1, 1)
    )
    weight_decay: float = opt(1e-4, "Decoupled weight decay.", bounds=(0, 1))
    lr_scheduler_type: str = opt("cosine", "How the learning rate falls after warm-up.")
    per_device_train_batch_size: int = opt(8, "Images per device and step.", bounds=(1, 4096))
    class_balance: float = opt(
        0.0, "How much more pixels of rare classes count (semantic).", bounds=(0, 1)
    )
    num_train_epochs: float = opt(20.0, "Passes over the train split.", bounds=(0, 10_000))
    max_grad_norm: float = opt(1.0, "Gradient norm is clipped to this; 0: never.", bounds=(0, None))
    ema_decay: float | None = opt(
        None, "Decay of the moving average of weights.", bounds=(0, 0.999999)
    )


@dataclass
class ModelConf:
    """A model: where its weights come from, what it takes, how it is best trained."""

    checkpoint: str | None = opt(
        None, "Hugging Face id or local folder of the weights; null: random weights from `config`."
    )
    revision: str | None = opt(None, "Commit, tag or branch of the checkpoint.", advanced=True)
    model_type: str | None = opt(
        None, "HF `config.model_type`, exactly; null: read from the checkpoint.", advanced=True
    )
    config: dict[str, Any] = opt(
        {}, "Arguments of the HF config class, on top of the checkpoint's.", advanced=True
    )
    licence: str = opt("unknown", "Licence of the weights (SPDX id).")
    licence_note: str = opt("", "What to know of the licence before use, e.g. no commercial use.")
    description: str = opt("", "One line for the catalogue.")
    params_m: float | None = opt(None, "Parameters.", unit="millions")
    image_size: list[int] = opt([640, 640], "Input height and width.", unit="px", bounds=(16, 8192))
    resize: str = opt(
        "stretch", "How an image is fitted to the input.", choices=("stretch", "letterbox")
    )
    image_mean: list[float] = opt(
        [0.485, 0.456, 0.406], "Mean of each channel, 0..1.", advanced=True
    )
    image_std: list[float] = opt(
        [0.229, 0.224, 0.225], "Standard deviation of each channel, 0..1.", advanced=True
    )
    recipe: RecipeConf = field(default_factory=RecipeConf)
