"""Where a model's configuration comes from: a checkpoint's config.json, or `model.config` alone."""

from __future__ import annotations

import dataclasses
import json
import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

from huggingface_hub.errors import HFValidationError, StrictDataclassError
from transformers import CONFIG_MAPPING, PreTrainedConfig
from transformers import __version__ as transformers_version
from transformers.backbone_utils import BackboneConfigMixin

from cvcore.config.schema import ModelConf
from cvcore.errors import ModelError, did_you_mean

log = logging.getLogger(__name__)

_PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "model.pth")


def model_type_of(conf: ModelConf) -> str:
    """Return the HF `model_type` of a model's configuration, the checkpoint's own if it has one.

    Raises:
        ModelError: neither checkpoint nor model_type, or as `read_config`.
    """
    if conf.checkpoint:
        return str(_checkpoint_config(conf.checkpoint, conf.revision)["model_type"])
    if not conf.model_type:
        raise ModelError(
            "the model has neither model.checkpoint (a Hugging Face id or a folder) nor "
            "model.model_type with model.config (random weights). Set one of them, or choose an "
            "option: 'lakesight models' lists them."
        )
    _require_known(conf.model_type, "model.model_type")
    return conf.model_type


def read_config(conf: ModelConf) -> PreTrainedConfig:
    """Return the HF configuration of a model; nothing is downloaded but config.json.

    A checkpoint's config.json wins over `model.model_type`. `model.config` goes on top of it where
    it was written for the same type, and is left out, with a warning, where it was not.

    Raises:
        ModelError: no such checkpoint, not a model, remote code, an unknown type or key, or a
            value of the wrong type.
    """
    model_type = model_type_of(conf)
    arguments = dict(conf.config or {})
    values: dict[str, Any] = {}
    if conf.checkpoint:
        values = _checkpoint_config(conf.checkpoint, conf.revision)
        if arguments and conf.model_type not in (None, model_type):
            log.warning(
                "model.config is left out: it was written for %s, %s is a %s",
                conf.model_type,
                conf.checkpoint,
                model_type,
            )
            arguments = {}
    _require_known_keys(arguments, model_type, "model.config")
    try:
        return CONFIG_MAPPING[model_type].from_dict(_merge(values, arguments))
    except (StrictDataclassError, TypeError, ValueError, KeyError) as error:
        raise ModelError(
            f"model.config does not make a {model_type}: {_first_sentence(error)}. Correct that "
            "key."
        ) from error


def local_folder(checkpoint: str) -> Path | None:
    """Return the folder a checkpoint names, or None for a hub id.

    Raises:
        ModelError: it reads as a path and there is no such folder.
    """
    path = Path(checkpoint).expanduser()
    if path.is_dir():
        return path
    if path.is_file():
        raise ModelError(
            f"model.checkpoint={checkpoint} is a file. Give the folder that holds config.json and "
            "model.safetensors."
        )
    if path.is_absolute() or checkpoint.startswith((".", "~")) or checkpoint.count("/") != 1:
        if "/" not in checkpoint and not checkpoint.startswith((".", "~")):
            return None  # the first models of the hub have no organisation: "bert-base-uncased"
        near = did_you_mean(path.name, _siblings(path))
        raise ModelError(
            f"model.checkpoint={checkpoint}: there is no such folder.{near} Give an existing model "
            "folder, or a Hugging Face id (organisation/name)."
        )
    return None


def unreachable(checkpoint: str, revision: str | None, error: Exception) -> ModelError:
    """Return the error of a hub id whose files can't be had, with what to do about it."""
    at = f" at revision {revision!r}" if revision else ""
    return ModelError(
        f"model.checkpoint={checkpoint}{at} is no local folder, and its files can't be had from "
        f"the Hugging Face Hub ({_first_sentence(error)}). Check the id and the network (HF_HOME, "
        "HF_ENDPOINT and HF_TOKEN say where the cache, a mirror and a login are), or download the "
        "model elsewhere and pass its folder: model.checkpoint=/path/to/folder."
    )


def _siblings(path: Path) -> list[str]:
    try:
        return [item.name for item in path.parent.iterdir()]
    except OSError:
        return []


def _checkpoint_config(checkpoint: str, revision: str | None) -> dict[str, Any]:
    folder = local_folder(checkpoint)
    if folder is None:
        return dict(_hub_config(checkpoint, revision))
    values = _folder_config(folder)
    return _checked(values, checkpoint)


def _folder_config(folder: Path) -> dict[str, Any]:
    file = folder / "config.json"
    if not file.is_file():
        inner = "best" if (folder / "best" / "config.json").is_file() else ""
        hint = f" Did you mean {folder / inner}?" if inner else ""
        raise ModelError(
            f"{folder} is not a model folder: it has no config.json.{hint} A model folder holds "
            "config.json and model.safetensors, as HF's save_pretrained or a Lakesight run's "
            "'best' writes them."
        )
    try:
        values = json.loads(file.read_text())
    except ValueError as error:
        raise ModelError(f"{file} is not JSON ({error}). Copy the model folder again.") from error
    if not list(folder.glob("*.safetensors")):
        pickles = [name for name in _PICKLES if (folder / name).is_file()]
        if pickles:
            raise ModelError(pickle_message(str(folder), pickles[0]))
        raise ModelError(
            f"{folder} has no weights: there is no *.safetensors beside its config.json. Copy the "
            "model folder again."
        )
    return dict(values)


def pickle_message(checkpoint: str, file: str) -> str:
    """Return why weights in pickle files are refused, and how to convert them."""
    return (
        f"{checkpoint} has its weights only as a pickle ({file}), which can run code when it is "
        "read. Only safetensors are loaded: convert it once, where you trust it, with "
        "AutoModel.from_pretrained(...).save_pretrained(folder), and pass that folder."
    )


@lru_cache(maxsize=32)
def _hub_config(checkpoint: str, revision: str | None) -> dict[str, Any]:
    try:
        values, _ = PreTrainedConfig.get_config_dict(
            checkpoint, revision=revision or "main", trust_remote_code=False
        )
    except (OSError, HFValidationError) as error:
        raise unreachable(checkpoint, revision, error) from error
    return _checked(values, checkpoint)


def _checked(values: dict[str, Any], checkpoint: str) -> dict[str, Any]:
    model_type = values.get("model_type")
    if not model_type:
        raise ModelError(
            f"the config.json of {checkpoint} has no model_type: it is not a transformers model. "
            "Use a checkpoint in transformers' own format."
        )
    if "auto_map" in values and model_type not in CONFIG_MAPPING:
        raise ModelError(
            f"{checkpoint} brings its own Python code (auto_map) for the type {model_type!r}. Code "
            "from checkpoints is never run: use a model that transformers itself knows."
        )
    _require_known(model_type, f"the model_type of {checkpoint}")
    return values


def _require_known(model_type: str, what: str) -> None:
    if model_type not in CONFIG_MAPPING:
        raise ModelError(
            f"{what} is {model_type!r}, which transformers {transformers_version} does not know."
            f"{did_you_mean(model_type, CONFIG_MAPPING.keys())} Correct it, or upgrade "
            "transformers if it is newer."
        )


def _require_known_keys(arguments: dict[str, Any], model_type: str, where: str) -> None:
    """Refuse keys that the config class does not have: HF would keep and ignore them."""
    config_class = CONFIG_MAPPING[model_type]
    known = {item.name for item in dataclasses.fields(config_class)} | set(
        config_class.attribute_map
    )
    if issubclass(config_class, BackboneConfigMixin):
        known |= {"out_features", "out_indices"}
    for key, value in arguments.items():
        if key in _OWNED:
            raise ModelError(f"{where}.{key} can't be set: {_OWNED[key]}")
        if key not in known | _ACCEPTED:
            raise ModelError(
                f"{where}.{key} is not a key of {config_class.__name__}."
                f"{did_you_mean(key, known)} Its keys: {', '.join(sorted(known)[:200])}."
            )
        if key.endswith("_config") and isinstance(value, dict) and "model_type" in value:
            inner = str(value["model_type"])
            _require_known(inner, f"{where}.{key}.model_type")
            rest = {name: item for name, item in value.items() if name != "model_type"}
            _require_known_keys(rest, inner, f"{where}.{key}")


_ACCEPTED = {"use_timm_backbone"}  # read by `__post_init__` of the DETR family, no field of its own
_LABELS = "classes come from the data."
_OWNED = {
    "num_labels": _LABELS,
    "id2label": _LABELS,
    "label2id": _LABELS,
    "architectures": "it follows from the task.",
    "auto_map": "code from checkpoints is never run.",
}


def _merge(values: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for key, value in arguments.items():
        old = merged.get(key)
        merged[key] = (
            _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
        )
    return merged


def _first_sentence(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[:2]) if lines else type(error).__name__
    return text.rstrip(".")[:300]
