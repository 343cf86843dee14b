"""What the form of a group shows that does not change while it is filled in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from cvcore.config.keys import DATA_SCHEMAS, Key, find
from cvcore.config.paths import conf_dir
from cvcore.config.schema import COMPUTE_SCHEMAS, TASKS
from panel_app.forms.fields import spec_of

TITLES = {
    "run": "Run",
    "task": "Task",
    "model": "Model",
    "data": "Data set",
    "augment": "Augmentation",
    "optim": "Optimizer",
    "trainer": "Training",
    "deepspeed": "DeepSpeed",
    "tracking": "Tracking",
    "compute": "Where it runs",
    "registry": "Model registry",
    "serving": "Serving",
    "monitoring": "Monitoring",
}
"""Group -> heading of its form."""

_LABELS = {
    "off": "Off",
    "zero1": "ZeRO 1",
    "zero2": "ZeRO 2",
    "zero3": "ZeRO 3",
    "zero3_offload": "ZeRO 3 with offload",
    "adamw": "AdamW",
    "sgd": "SGD",
    "coco": "COCO",
    "coco_panoptic": "COCO panoptic",
    "hf_dataset": "Hugging Face data set",
    "mlflow": "MLflow",
    "databricks_job": "Databricks: deployed job",
    "databricks_cluster": "Databricks: new job cluster",
    "databricks_serverless": "Databricks: serverless GPUs",
    "databricks": "Databricks",
    "local": "This machine",
    "hostfile": "Machines by ssh",
    "digits": "Digits (built in)",
}
_PARTS = {"recipe": "The model's recipe: optimizer and training start from these"}


def group_spec(
    group: str,
    keys: Sequence[Key],
    options: Sequence[str],
    folders: Sequence[Path] = (),
    more: Sequence[Key] = (),
) -> dict[str, Any]:
    """Return the `spec` of a `GroupForm`.

    Args:
        group: of the configuration.
        keys: its keys as they are now.
        options: its options.
        folders: conf folders of the user's.
        more: further keys that are shown with it, e.g. `seed`.
    """
    found = find(group)
    about = (found.schema.__doc__ or "") if found and found.schema else ""
    order = _ORDER.get(group, ())
    known = [one for one in order if one in options]
    shown = [] if group == "model" else [*known, *(one for one in options if one not in known)]
    choices = [
        {"value": one, "label": label_of(one), "help": help_of(group, one, tuple(folders))}
        for one in shown
    ]
    return {
        "group": group,
        "title": TITLES.get(group, group),
        "help": " ".join(about.split()) if group not in _SILENT else "",
        "options": choices,
        "fields": [spec_of(key) for key in (*keys, *more)],
        "parts": _PARTS,
    }


_SILENT = ("data", "compute", "run", "deepspeed", "model")
# What these classes say is about the code, or their options say it.


_ORDER = {
    "task": TASKS,
    "data": tuple(DATA_SCHEMAS),
    "augment": ("none", "light", "standard", "strong"),
    "compute": ("local", "databricks_job", "databricks_cluster", "databricks_serverless"),
}
"""Group -> options in an order that helps to choose; others follow."""


def label_of(option: str) -> str:
    """Return what a person calls an option.

    Example:
        >>> label_of("semantic_segmentation")
        'Semantic segmentation'
    """
    if option in _LABELS:
        return _LABELS[option]
    text = option.rpartition("/")[2].replace("_", " ")
    return text[:1].upper() + text[1:]


@lru_cache(maxsize=512)
def help_of(group: str, option: str, folders: tuple[Path, ...] = ()) -> str:
    """Return what an option's file or schema says of it; "" if nothing does."""
    for folder in (conf_dir(), *folders):
        path = folder / group / f"{option}.yaml"
        if path.is_file():
            said = comment(path)
            if said:
                return said
    schemas: dict[str, type] = {}
    if group in ("data", "compute"):
        schemas.update(DATA_SCHEMAS if group == "data" else COMPUTE_SCHEMAS)
    schema = schemas.get(option)
    return " ".join((schema.__doc__ or "").replace("`", "").split()) if schema else ""


def comment(path: Path) -> str:
    """Return the comment at the top of a file."""
    said = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if "@package" not in line:
            said.append(line.lstrip("# ").strip())
    return " ".join(said).replace("`", "")
