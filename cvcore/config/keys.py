"""What keys the schema has: looked up by their dotted path, or listed.

Reads the dataclasses only; nothing is composed.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from typing import Any

from cvcore.config.schema import (
    COMPUTE_SCHEMAS,
    CocoConf,
    CocoPanopticConf,
    Config,
    DataConf,
    DigitsConf,
    FieldInfo,
    HfDatasetConf,
    ImageFolderConf,
    SemanticMasksConf,
    TableConf,
    default_of,
    info_of,
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
"""Reader -> the schema of its options in the group `data`."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the configuration.

    Attributes:
        path: dotted, e.g. "optim.learning_rate".
        type: as written in the schema, e.g. "float | None".
        default: the schema's own default; an option may set another.
        info: help, unit, bounds, choices; None for a whole group of keys.
        schema: for a group of keys its dataclass, else None.
    """

    path: str
    type: str
    default: Any
    info: FieldInfo | None
    schema: builtins.type | None = None

    @property
    def is_mapping(self) -> bool:
        """Whether any keys may stand below it (the arguments of another library)."""
        return self.type.startswith("dict[")

    @property
    def is_list(self) -> bool:
        """Whether it is a list, whose items are reached by their number."""
        return self.type.startswith("list[")


def groups() -> tuple[str, ...]:
    """Return the groups with keys of their own, in the schema's order (`experiment` has none)."""
    return tuple(key.path for key in children(Config) if key.schema and key.path != "run")


def children(schema: type, prefix: str = "") -> Iterator[Key]:
    """Yield the keys directly in a dataclass, in its order."""
    for item in fields(schema):
        default = default_of(item)
        nested = type(default) if is_dataclass(default) else None
        yield Key(prefix + item.name, str(item.type), default, _info(schema, item.name), nested)


def _info(schema: type, field: str) -> FieldInfo | None:
    """Return what is said of a field, in the class or in the one whose default it changes."""
    for above in schema.__mro__:
        item = getattr(above, "__dataclass_fields__", {}).get(field)
        if item is not None and (info := info_of(item)):
            return info
    return None


def leaves(schema: type = Config, prefix: str = "") -> Iterator[Key]:
    """Yield every key of a dataclass, nested ones included, groups of keys themselves not."""
    for key in children(schema, prefix):
        if key.schema:
            yield from leaves(key.schema, f"{key.path}.")
        else:
            yield key


def subkeys(path: str) -> list[Key]:
    """Return the keys directly below a dotted path, or [] where there can be none.

    Those of `data` and `compute` are the keys of all their schemas. The path "" is the top.
    """
    if not path:
        return list(children(Config))
    key = find(path)
    if key is None or key.schema is None:
        return []
    variants: dict[str, Iterable[type]] = {
        "data": DATA_SCHEMAS.values(),
        "compute": COMPUTE_SCHEMAS.values(),
    }
    schemas = variants.get(path, (key.schema,))
    found = [item for schema in schemas for item in children(schema, f"{path}.")]
    return list({item.path: item for item in found}.values())


@lru_cache(maxsize=4096)
def find(path: str) -> Key | None:
    """Return the key at a dotted path, or the free mapping or list that holds the path."""
    parent, _, _ = path.rpartition(".")
    for key in subkeys(parent):
        if key.path == path:
            return key
    above = find(parent) if parent else None
    return above if above and (above.is_mapping or above.is_list) else None
