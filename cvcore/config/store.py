"""Hydra's view of the schema: one hidden `_schema` node per group, one per data reader."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from hydra.core.config_store import ConfigStore

from cvcore.config.schema import (
    CocoConf,
    CocoPanopticConf,
    Config,
    DataConf,
    DigitsConf,
    HfDatasetConf,
    ImageFolderConf,
    SemanticMasksConf,
    TableConf,
    default_of,
)

DATA_SCHEMAS: dict[str, type[DataConf]] = {
    "digits": DigitsConf,
    "image_folder": ImageFolderConf,
    "coco": CocoConf,
    "coco_panoptic": CocoPanopticConf,
    "semantic_masks": SemanticMasksConf,
    "delta_table": TableConf,
    "hf_dataset": HfDatasetConf,
}


def register() -> None:
    """Store every schema; doing it again changes nothing."""
    store = ConfigStore.instance()
    store.store(name="_schema", node=Config)
    for item in fields(Config):
        default = default_of(item)
        if is_dataclass(default):
            store.store(group=item.name, name="_schema", node=type(default))
    for reader, schema in DATA_SCHEMAS.items():
        store.store(group="data", name=f"_{reader}", node=schema)
