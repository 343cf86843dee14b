"""A resolved configuration as a file, and its overrides: what every process of a run reads.

Torch-free.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cvcore.config.keys import DATA_SCHEMAS
from cvcore.config.schema import Config, DataConf, compute_schema
from cvcore.config.validate import typed
from cvcore.errors import ConfigError

OVERRIDES = "overrides.yaml"


def save(config: Config, path: Path) -> None:
    """Write a configuration as YAML, without interpolations."""
    part = path.with_suffix(".part")
    part.write_text(yaml.safe_dump(asdict(config), sort_keys=False, allow_unicode=True))
    part.replace(path)


def load(path: Path) -> Config:
    """Return the configuration that `save` wrote, checked again.

    Raises:
        ConfigError: the file is missing, or is not a whole configuration of this version.
    """
    try:
        values = yaml.safe_load(path.read_text())
        schema = DATA_SCHEMAS.get(values["data"]["reader"], DataConf)
        compute = compute_schema(values["compute"])
        base = OmegaConf.structured(Config(data=schema(), compute=compute()))
        merged = OmegaConf.merge(base, values)
    except (OSError, yaml.YAMLError, OmegaConfBaseException, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} is not the configuration of a run ({error}). Give a config.yaml that "
            "`lakesight train` wrote into a run's folder."
        ) from error
    assert isinstance(merged, DictConfig)
    return typed(merged)


def write_overrides(run_dir: Path, overrides: Sequence[str]) -> None:
    """Write what the configuration was composed from, as a YAML list."""
    text = "".join(f"- {json.dumps(override)}\n" for override in overrides) or "[]\n"
    (run_dir / OVERRIDES).write_text(text)


def read_overrides(run_dir: Path) -> list[str]:
    """Return what `write_overrides` wrote."""
    return list(yaml.safe_load((run_dir / OVERRIDES).read_text()))
