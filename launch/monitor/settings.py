"""Where an endpoint's records are, and how it is watched: the group `monitoring` it was deployed with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from cvcore.config.schema import MonitoringConf
from launch.local.files import write_json
from launch.local.queue import state_dir
from launch.serving.local.files import endpoints_dir

_FILE = "monitoring.json"


def folder_of(place: str, name: str) -> Path:
    """Return the folder of an endpoint's records.

    Those of an endpoint of this machine go with it; what was read of one on Databricks is kept apart.
    """
    if place == "local":
        return endpoints_dir() / name / "monitor"
    return state_dir() / "monitor" / place / name


def monitoring_conf(overrides: Sequence[str] = ()) -> MonitoringConf:
    """Return the group `monitoring` of a configuration.

    Raises:
        ConfigError: an override is not one.
    """
    from cvcore.config.composer import Composer

    return Composer().load(overrides).monitoring


def write(folder: Path, conf: MonitoringConf) -> None:
    """Say how an endpoint is watched; its process takes it up by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / _FILE, asdict(conf))


def read(folder: Path) -> MonitoringConf:
    """Return how an endpoint is watched: the defaults where nobody said."""
    try:
        values = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        known = {one.name for one in fields(MonitoringConf)}
        return MonitoringConf(**{key: value for key, value in values.items() if key in known})
    except (OSError, ValueError, TypeError, AttributeError):
        return MonitoringConf()
