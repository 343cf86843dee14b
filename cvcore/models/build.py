"""A model and its processor from a checkpoint, or from a configuration with random weights."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from transformers import BaseImageProcessor, PreTrainedConfig, PreTrainedModel
from transformers.models.auto import modeling_auto as auto

from cvcore.config.schema import TASKS, ModelConf
from cvcore.data.labels import LabelSpace
from cvcore.errors import ModelError
from cvcore.models.families import GENERIC_HEADS, REFUSED, Family, family_of
from cvcore.models.processor import build_processor
from cvcore.models.source import local_folder, model_type_of, read_config, unreachable
from cvcore.models.task_token import freeze_temperature, set_task_ids, tell_task

log = logging.getLogger(__name__)

_UNIVERSAL = auto.MODEL_FOR_UNIVERSAL_SEGMENTATION_MAPPING_NAMES
_MAPPINGS: dict[str, tuple[Any, ...]] = {
    "classification": (auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,),
    "detection": (auto.MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES,),
    "semantic_segmentation": (auto.MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES, _UNIVERSAL),
    "instance_segmentation": (auto.MODEL_FOR_INSTANCE_SEGMENTATION_MAPPING_NAMES, _UNIVERSAL),
    "panoptic_segmentation": (_UNIVERSAL,),
}


def class_name(model_type: str, kind: str) -> str | None:
    """Return transformers' class of a model type for a task, or None if it can't be trained."""
    if model_type in REFUSED or kind not in family_of(model_type).heads:
        return None
    for mapping in _MAPPINGS[kind]:
        if model_type in mapping:
            found = mapping[model_type]
            return str(found if isinstance(found, str) else found[0])
    return None


def tasks_of(model_type: str) -> list[str]:
    """Return the tasks that a model type can be trained for."""
    return [kind for kind in TASKS if class_name(model_type, kind)]


def require_task(conf: ModelConf, model_type: str, kind: str) -> str:
    """Return `class_name`; raise ModelError naming the tasks the model is for if there is none."""
    name = class_name(model_type, kind)
    if name is None:
        raise ModelError(_wrong_task(conf, model_type, kind))
    return name


def build_model(
    conf: ModelConf, kind: str, labels: LabelSpace
) -> tuple[PreTrainedModel, BaseImageProcessor]:
    """Return model (float32) and image processor; the head fits `labels`, `id2label` is set.

    Weights are read from safetensors only and no code of a checkpoint is run. A head of another
    number of classes gets new weights; the log says which weights are new.

    Args:
        conf: checkpoint, or model_type and config for random weights; input size, mean, std.
        kind: the task.
        labels: the label space the head is made for.

    Raises:
        ModelError: no such checkpoint, a model of another task, weights that are only a pickle, an
            input size that does not fit, or a configuration that can't be built.

    Example:
        >>> conf = ModelConf(model_type="resnet", config={"depths": [1, 1, 1, 1]})
        >>> model, processor = build_model(conf, "classification", labels)  # doctest: +SKIP
    """
    model_type = model_type_of(conf)
    name = require_task(conf, model_type, kind)
    family = family_of(model_type)
    config = read_config(conf)
    config.id2label = labels.id2label
    config.label2id = labels.label2id
    for key, value in family.train_config.items():
        setattr(config, key, value)
    if not conf.checkpoint and hasattr(config, "image_size") and "image_size" not in conf.config:
        height, width = conf.image_size
        takes_int = isinstance(config.image_size, int)
        config.image_size = height if height == width and takes_int else [height, width]
    check_image_size(conf.image_size, config, family)
    if family.task_token:
        set_task_ids(config, conf, kind)
    model_class = getattr(transformers, name)
    model = _pretrained(model_class, config, conf) if conf.checkpoint else _new(model_class, config)
    _thaw(model, family)
    if family.task_token:
        freeze_temperature(model)
        tell_task(model)
    return model, build_processor(family, conf, len(labels))


def _thaw(model: PreTrainedModel, family: Family) -> None:
    """Let the body be trained: `optim.freeze` alone decides what is not.

    HF's DETR and its like mean to freeze stem and first stage of a ResNet and, by a name that does
    not match, freeze all of it (transformers 5.23, `DetrConvEncoder`).
    """
    for path in family.body:
        with contextlib.suppress(AttributeError):
            model.get_submodule(path).requires_grad_(True)


def check_image_size(image_size: list[int], config: PreTrainedConfig, family: Family) -> None:
    """Raise ModelError when the model can't take images of this (height, width)."""
    height, width = image_size
    if family.fixed_size:
        own = getattr(config, "image_size", None)
        fixed = [own, own] if isinstance(own, int) else list(own or image_size)
        if fixed != [height, width]:
            raise ModelError(
                f"model.image_size=[{height}, {width}] does not fit {family.model_type}, whose "
                f"position embeddings are made for {fixed}. Set model.image_size={fixed}."
            )
        return
    divisor = size_divisor(config, family)
    if height % divisor or width % divisor:
        nearest = [max(divisor, round(side / divisor) * divisor) for side in image_size]
        raise ModelError(
            f"model.image_size=[{height}, {width}] does not fit {family.model_type}: height and "
            f"width must be multiples of {divisor}. The nearest is model.image_size={nearest}."
        )


def size_divisor(config: PreTrainedConfig, family: Family) -> int:
    """Return what height and width must be multiples of."""
    divisor = 1
    for factor in family.size_divisor:
        value: Any = factor
        if isinstance(factor, str):
            value = config
            for part in factor.split("."):
                value = getattr(value, part)
        divisor *= int(value if isinstance(value, int) else value[0])
    return divisor


def _new(model_class: type[PreTrainedModel], config: PreTrainedConfig) -> PreTrainedModel:
    try:
        model = model_class(config)
    except (ValueError, TypeError, RuntimeError, IndexError, ImportError) as error:
        raise ModelError(
            f"{model_class.__name__} can't be built from model.config: {error}. Its sizes must fit "
            "each other; start from one of the *_micro options."
        ) from error
    return model.float()


def _pretrained(
    model_class: type[PreTrainedModel], config: PreTrainedConfig, conf: ModelConf
) -> PreTrainedModel:
    checkpoint = str(conf.checkpoint)
    folder = local_folder(checkpoint)
    if folder is None:
        note = f" ({conf.licence_note})" if conf.licence_note else ""
        log.info("%s: licence of the weights: %s%s", checkpoint, conf.licence, note)
    try:
        loaded: Any = model_class.from_pretrained(
            str(folder or checkpoint),
            config=config,
            revision=conf.revision or "main",
            dtype=torch.float32,
            use_safetensors=True,
            weights_only=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except ImportError as error:
        raise ModelError(
            f"{checkpoint} needs a package that is not installed: {error}. Choose another "
            "checkpoint ('lakesight models' lists those that need nothing more)."
        ) from error
    except (SafetensorError, RuntimeError, ValueError) as error:
        raise ModelError(
            f"the weights of {checkpoint} can't be read ({error}): the file is torn or belongs to "
            "another model. Copy it again."
        ) from error
    except OSError as error:
        if folder is not None:
            raise ModelError(
                f"the weights of {checkpoint} can't be read ({error}). Copy the folder again."
            ) from error
        raise unreachable(checkpoint, conf.revision, error) from error
    model: PreTrainedModel
    model, info = loaded
    _report(checkpoint, model, info)
    return model


def _report(checkpoint: str, model: PreTrainedModel, info: dict[str, Any]) -> None:
    """Log which weights are new; refuse a checkpoint that gives none."""
    resized = {key[0] if isinstance(key, tuple) else key for key in info["mismatched_keys"]}
    new = set(info["missing_keys"]) | resized
    names = [name for name, _ in model.named_parameters()]
    if not set(names) - new:
        raise ModelError(
            f"no weight of {checkpoint} fits {type(model).__name__}: it was saved by another kind "
            "of model. Use a checkpoint of the same model_type."
        )
    if not new:
        log.debug("%s: all %d weights loaded", checkpoint, len(names))
        return
    log.info(
        "%s: %d of %d weights loaded; new, random: %s",
        checkpoint,
        len(names) - len(new & set(names)),
        len(names),
        ", ".join(_groups(new)),
    )


def _groups(names: Iterable[str]) -> list[str]:
    """Return parameter names grouped by module, e.g. "classifier (2)", at most twelve."""
    counts: dict[str, int] = {}
    for name in sorted(names):
        module = name.rpartition(".")[0] or name
        counts[module] = counts.get(module, 0) + 1
    shown = [f"{module} ({count})" for module, count in list(counts.items())[:12]]
    return [*shown, f"and {len(counts) - 12} more"] if len(counts) > 12 else shown


def _wrong_task(conf: ModelConf, model_type: str, kind: str) -> str:
    what = conf.checkpoint or f"model.model_type={model_type}"
    if model_type in REFUSED:
        return (
            f"{what} is a {model_type}, which can't be trained here: {REFUSED[model_type]}. "
            "'lakesight models' lists what can."
        )
    others = tasks_of(model_type)
    if others:
        return (
            f"{what} is a {model_type}, a model for {' and '.join(others)}, not for {kind}. Choose "
            f"task={others[0]}, or a model of {kind} ('lakesight models' lists them)."
        )
    known = sorted(m for m in _known_types(kind))
    return (
        f"{what} is a {model_type}, which has no head for {kind}. Model types for it: "
        f"{', '.join(known)}."
    )


def _known_types(kind: str) -> set[str]:
    types: set[str] = {name for mapping in _MAPPINGS[kind] for name in mapping}
    if kind not in GENERIC_HEADS:
        types = {name for name in types if kind in family_of(name).heads}
    return types - set(REFUSED)
