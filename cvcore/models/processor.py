"""The HF image processor written beside the weights, so that plain HF code makes our inputs."""

from __future__ import annotations

from typing import Any

import transformers
from transformers import BaseImageProcessor

from cvcore.config.schema import ModelConf
from cvcore.models.families import Family

_BILINEAR = 2  # PIL.Image.Resampling.BILINEAR, what cvcore.data.transforms uses


def build_processor(family: Family, conf: ModelConf, num_labels: int) -> BaseImageProcessor:
    """Return a processor that resizes and normalises as `model.image_size` and mean, std say.

    Everything else a processor class would do by default (crop, pad, keep the aspect) is off.
    """
    height, width = conf.image_size
    arguments: dict[str, Any] = {
        "do_resize": True,
        "size": {"height": height, "width": width},
        "resample": _BILINEAR,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(conf.image_mean),
        "image_std": list(conf.image_std),
    }
    off = ("do_center_crop", "do_pad", "do_reduce_labels", "do_split_image", "do_color_quantize")
    cls = getattr(transformers, family.processor)
    processor = cls(**arguments)
    for name in off:
        if hasattr(processor, name):
            setattr(processor, name, False)
    if family.processor.startswith(("Mask2Former", "MaskFormer", "Eomt")):
        processor.num_labels = num_labels
        processor.ignore_index = 255
    return processor
