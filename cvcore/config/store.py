"""Hydra's view of the schema: hidden nodes `_schema`, `data/_<reader>`, `compute/_<option>`."""

from __future__ import annotations

from hydra.core.config_store import ConfigStore

from cvcore.config.keys import DATA_SCHEMAS
from cvcore.config.schema import COMPUTE_SCHEMAS, Config


def register() -> None:
    """Store every schema; doing it again changes nothing."""
    store = ConfigStore.instance()
    if "_schema.yaml" in store.repo:
        return
    store.store(name="_schema", node=Config)
    for reader, schema in DATA_SCHEMAS.items():
        store.store(group="data", name=f"_{reader}", node=schema)
    for option, variant in COMPUTE_SCHEMAS.items():
        store.store(group="compute", name=f"_{option}", node=variant)
