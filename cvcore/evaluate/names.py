"""Every figure an evaluation gives: key, unit, meaning, and whether more is better.

The keys are what `StreamingMetric.compute` returns and what a task's `metric` may name; runs log
them as `val/<key>`. Torch-free and light: the command line and the app list them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from cvcore.errors import ConfigError, did_you_mean


@dataclass(frozen=True, slots=True)
class MetricName:
    """One figure.

    Attributes:
        key: as in `compute()`, e.g. "AP50".
        description: one sentence for people.
        greater_is_better: which way is up.
        unit: "0..1" for fractions, else the unit's name.
    """

    key: str
    description: str
    greater_is_better: bool = True
    unit: str = "0..1"


PRIMARY = {
    "classification": "top1",
    "detection": "AP",
    "semantic_segmentation": "mIoU",
    "instance_segmentation": "mask_AP",
    "panoptic_segmentation": "PQ",
}
"""The figure by which checkpoints of a task are compared, unless the task's option says another."""

_COCO = (
    MetricName("AP", "Average precision, mean over IoU 0.50 to 0.95 and over classes (COCO)."),
    MetricName("AP50", "Average precision at IoU 0.50, mean over classes."),
    MetricName("AP75", "Average precision at IoU 0.75, mean over classes."),
    MetricName("AP_small", "AP of objects below 32 x 32 pixels."),
    MetricName("AP_medium", "AP of objects from 32 x 32 to 96 x 96 pixels."),
    MetricName("AP_large", "AP of objects above 96 x 96 pixels."),
    MetricName("AR_small", "Average recall of objects below 32 x 32 pixels."),
    MetricName("AR_medium", "Average recall of objects from 32 x 32 to 96 x 96 pixels."),
    MetricName("AR_large", "Average recall of objects above 96 x 96 pixels."),
)
_PANOPTIC = tuple(
    MetricName(f"{key}{suffix}", f"{what}, mean over {classes} (Kirillov et al. 2019).")
    for key, what in (
        ("PQ", "Panoptic quality, SQ x RQ"),
        ("SQ", "Segmentation quality: mean IoU of matched segments"),
        ("RQ", "Recognition quality: F1 of segments at IoU above 0.5"),
    )
    for suffix, classes in (("", "classes"), ("_things", "things"), ("_stuff", "stuff"))
)
_SEMANTIC = (
    MetricName("mIoU", "Intersection over union, mean over the classes that occur."),
    MetricName("fwIoU", "Intersection over union, mean weighted by the classes' pixels."),
    MetricName("pixel_accuracy", "Fraction of labelled pixels with the right class."),
    MetricName("mean_accuracy", "Fraction of a class's pixels found, mean over classes."),
)
_CLASSIFICATION = (
    MetricName("top1", "Fraction of images whose best class is right."),
    MetricName("top5", "Fraction of images with the right class among the best five."),
    MetricName("macro_f1", "F1, mean over the classes that occur."),
    MetricName("weighted_f1", "F1, mean weighted by the classes' images."),
    MetricName("macro_precision", "Precision, mean over the classes that occur."),
    MetricName("macro_recall", "Recall, mean over the classes that occur."),
    MetricName("ece", "Expected calibration error over 15 bins of confidence.", False),
)


def _masks(item: MetricName) -> MetricName:
    return replace(item, key=f"mask_{item.key}", description=f"{item.description} Mask IoU.")


METRICS: dict[str, MetricName] = {
    item.key: item
    for item in (*_COCO, *map(_masks, _COCO), *_PANOPTIC, *_SEMANTIC, *_CLASSIFICATION)
}

_RECALL = re.compile(r"(mask_)?AR_(\d+)")


def describe(key: str) -> MetricName:
    """Return what a key means; `AR_<n>` exists for every limit n of detections per image.

    Raises:
        ConfigError: no task gives such a figure.
    """
    if match := _RECALL.fullmatch(key):
        limit = match[2]
        text = f"Average recall with at most {limit} detections per image and class (COCO)."
        name = MetricName(f"AR_{limit}", text)
        return _masks(name) if match[1] else name
    if key not in METRICS:
        raise ConfigError(
            f"there is no metric {key!r}. Metrics: {', '.join(METRICS)}, AR_<n>, mask_AR_<n>."
            + did_you_mean(key, METRICS)
        )
    return METRICS[key]
