"""OneFormer's task token: one architecture is told by words which segmentation it is to make."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import CLIPTokenizer, PreTrainedConfig, PreTrainedModel

from cvcore.config.schema import ModelConf
from cvcore.errors import ModelError
from cvcore.models.source import local_folder

_WORDS = {
    "semantic_segmentation": "the task is semantic",
    "instance_segmentation": "the task is instance",
    "panoptic_segmentation": "the task is panoptic",
}
KEY = "lakesight_task_ids"
"""Config value with the ids, so that a saved model needs no tokenizer."""


def set_task_ids(config: PreTrainedConfig, conf: ModelConf, kind: str) -> None:
    """Write the token ids of the task into a OneFormer configuration.

    A saved model of ours has them; another checkpoint's tokenizer makes them; random weights
    learn with any constant.

    Raises:
        ModelError: the checkpoint has no tokenizer.

    Source: Jain et al. 2023, OneFormer, sec. 3.1; ids are zero where the text is padded.
    """
    if getattr(config, KEY, None) is not None:
        return
    length = int(config.task_seq_len)
    if not conf.checkpoint:
        ids = [1 + list(_WORDS).index(kind)] * length
    else:
        ids = _tokenized(conf, _WORDS[kind], length)
    setattr(config, KEY, ids)


def _tokenized(conf: ModelConf, words: str, length: int) -> list[int]:
    source = str(local_folder(str(conf.checkpoint)) or conf.checkpoint)
    try:
        tokenizer = CLIPTokenizer.from_pretrained(source, revision=conf.revision or "main")
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(_no_tokenizer(conf)) from error
    if "the</w>" not in tokenizer.get_vocab():  # transformers makes an empty one of no files
        raise ModelError(_no_tokenizer(conf))
    tokens = tokenizer(words, padding="max_length", max_length=length, truncation=True)
    pairs = zip(tokens["input_ids"], tokens["attention_mask"], strict=True)
    return [int(token * shown) for token, shown in pairs]


def _no_tokenizer(conf: ModelConf) -> str:
    return (
        f"{conf.checkpoint} has no tokenizer (vocab.json and merges.txt), and a OneFormer takes "
        "its task as words. Use a folder with all files of the checkpoint."
    )


def freeze_temperature(model: PreTrainedModel) -> None:
    """Make the temperature of the contrastive loss, which is not trained here, a buffer.

    It is a number without a dimension, and DeepSpeed can't send a parameter of that kind.
    """
    loss: Any = model.get_submodule("criterion")
    value = loss.logit_scale.detach()
    del loss.logit_scale
    loss.register_buffer("logit_scale", value)


def tell_task(model: PreTrainedModel) -> None:
    """Make the model add its task token to every call, so that it is called like any other."""
    ids = torch.tensor(getattr(model.config, KEY))

    def add(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        pixels = args[0] if args else kwargs["pixel_values"]
        if "task_inputs" not in kwargs:
            kwargs["task_inputs"] = ids.to(pixels.device).expand(len(pixels), -1)
        return args, kwargs

    model.register_forward_pre_hook(add, with_kwargs=True)
