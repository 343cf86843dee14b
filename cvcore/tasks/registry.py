"""A task by its kind."""

from __future__ import annotations

from typing import Any

from cvcore.config.schema import TASKS, ModelConf, TaskConf
from cvcore.errors import ConfigError, did_you_mean
from cvcore.models.build import require_task
from cvcore.models.families import family_of
from cvcore.models.source import model_type_of
from cvcore.tasks.base import Task
from cvcore.tasks.classification import Classification
from cvcore.tasks.detection import Detection
from cvcore.tasks.instance import InstanceSegmentation
from cvcore.tasks.panoptic import PanopticSegmentation
from cvcore.tasks.semantic import SemanticSegmentation

_CLASSES: dict[str, type[Any]] = {
    cls.kind: cls
    for cls in (
        Classification,
        Detection,
        SemanticSegmentation,
        InstanceSegmentation,
        PanopticSegmentation,
    )
}


def get_task(kind: str, model: ModelConf, conf: TaskConf | None = None) -> Task:
    """Return the task of a kind for a model.

    The model's configuration is needed before the model itself: workers encode for the format of
    its head and its input size. For a hub checkpoint only config.json is fetched here.

    Args:
        kind: one of `cvcore.config.schema.TASKS`.
        model: checkpoint or model_type, input size and resize.
        conf: gives `max_detections`.

    Raises:
        ConfigError: no such kind.
        ModelError: the checkpoint's config.json can't be had or used, or is of another task.
    """
    if kind not in _CLASSES:
        raise ConfigError(
            f"there is no task {kind!r}. Tasks: {', '.join(TASKS)}.{did_you_mean(kind, TASKS)}"
        )
    model_type = model_type_of(model)
    require_task(model, model_type, kind)
    family = family_of(model_type)
    height, width = model.image_size
    task: Task = _CLASSES[kind](
        head=family.heads[kind],
        sigmoid=family.sigmoid,
        image_size=(height, width),
        resize=model.resize,
        max_detections=(conf or TaskConf()).max_detections,
    )
    return task
