"""What of a submitter's run makes sense on another machine; the rest is refused before it costs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from launch.base import RunSpec
from launch.errors import SubmitError

_REMOTE = ("/Volumes/", "dbfs:", "/dbfs/")
# Settings of libraries; not folders, credentials or the shape of the submitter's machine.
_KEPT = re.compile(r"(HF|TRANSFORMERS|TORCH|TORCHINDUCTOR|TRITON|NCCL|GLOO|DS)_.*|DO_NOT_TRACK")
_HERE = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 (a name, nothing is bound)


def portable(spec: RunSpec) -> RunSpec:
    """Return a spec without what is of the submitter's machine only.

    Raises:
        SubmitError: data, weights or the tracking server are of that machine.
    """
    config = _config(spec)
    require_there("data.root", _text(config, "data", "root"))
    checkpoint = _text(config, "model", "checkpoint")
    if checkpoint is not None and Path(checkpoint).expanduser().exists():
        require_there("model.checkpoint", checkpoint)
    environment = {
        key: value
        for key, value in spec.environment.items()
        if _KEPT.fullmatch(key) and not value.startswith(("/", "~"))
    }
    return replace(
        spec, environment=environment, tracking_uri=reachable(spec.tracking_uri), workdir=""
    )


def _config(spec: RunSpec) -> Mapping[str, Any]:
    path = Path(spec.folder, "config.yaml")
    if not path.is_file():
        return {}
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise SubmitError(f"{path} can't be read ({error}). Submit the run anew.") from error
    return values if isinstance(values, Mapping) else {}


def _text(config: Mapping[str, Any], group: str, key: str) -> str | None:
    value = (config.get(group) or {}).get(key)
    return value if isinstance(value, str) else None


def require_there(key: str, path: str | None) -> None:
    """Raise SubmitError when a path is of this machine."""
    if path is not None and not path.startswith(_REMOTE):
        raise SubmitError(
            f"{key}={path} is on this machine; a node of Databricks can't read it. Copy it to a "
            f"Volume (`databricks fs cp -r {path} dbfs:/Volumes/<catalog>/<schema>/<volume>/...`) and "
            f"give {key}=/Volumes/<catalog>/<schema>/<volume>/..."
        )


def reachable(uri: str) -> str:
    """Return a tracking URI as a node of the workspace is to use it.

    Raises:
        SubmitError: it can't be reached from there.
    """
    if not uri:
        return uri
    if uri.startswith("databricks"):
        return "databricks"  # a profile is of the submitter
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https") and parts.hostname not in _HERE:
        return uri
    raise SubmitError(
        f"tracking.uri={uri} can't be reached from Databricks. Write tracking=databricks: the runs "
        "are then in the workspace's MLflow."
    )
