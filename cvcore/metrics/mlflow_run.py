"""The MLflow run of a training: found or created, and described. Torch-free.

A run's folder remembers its run in `run.json`, so that a resumed training continues the same curves.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cvcore.config.schema import Config
from cvcore.errors import ConfigError, LakesightError
from cvcore.metrics import server
from cvcore.metrics.delivery import SPOOL_ONLY
from cvcore.metrics.server import without_password as shown

log = logging.getLogger(__name__)

FILE = "run.json"
DEFAULT_URI = "sqlite:///mlruns.db"
_PARAM_LENGTH = 500
_NO_SUCH_RUN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True)
class RunIdentity:
    """Which MLflow run a folder belongs to."""

    run_id: str
    uri: str


def tracking_uri(config: Config) -> str:
    """Return `tracking.uri`, else MLFLOW_TRACKING_URI, else a SQLite file in this folder."""
    return config.tracking.uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI


def identity_of(run_dir: Path) -> RunIdentity | None:
    """Return the run that a folder belongs to, or None."""
    try:
        return RunIdentity(**json.loads((run_dir / FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def open_run(config: Config, run_dir: Path) -> RunIdentity:
    """Return the MLflow run of a training: given, remembered by its folder, or created.

    A given or remembered run whose server does not answer is gone on with: its metrics wait in the
    spool. Without a run and without a server nothing is started: it would be a mistyped address far
    more often than an outage, and nothing is lost yet.

    Raises:
        ConfigError: the given run does not exist, or there is no server to create one.
    """
    known = identity_of(run_dir) if config.run.resume != "never" else None
    if config.run.id is None and known is not None:
        if _exists(_client(known.uri), known):
            return known
        log.warning("run %s of this folder is gone from %s", known.run_id, shown(known.uri))
    uri = tracking_uri(config)
    if os.environ.get(SPOOL_ONLY) and config.run.id is not None:
        identity = RunIdentity(config.run.id, uri)  # who delivers has asked for it
        remember(run_dir, identity)
        return identity
    client = _client(uri)
    if config.run.id is None:
        identity = RunIdentity(_created(client, config, uri), uri)
    else:
        identity = RunIdentity(config.run.id, uri)
        if not _exists(client, identity):
            raise ConfigError(
                f"run.id={config.run.id!r} is not a run of the tracking server {shown(uri)}. Give the id "
                "of an existing run, or leave run.id out to create one."
            )
    remember(run_dir, identity)
    return identity


def _client(uri: str) -> Any:
    try:
        return server.client(uri)
    except Exception as error:
        raise _unusable(uri, error) from error


def _exists(client: Any, run: RunIdentity) -> bool:
    """Return whether the server has the run, not deleted; True too when it does not answer."""
    try:
        found = client.get_run(run.run_id)
    except Exception as error:  # noqa: BLE001 (an edge: every kind of store raises its own)
        return getattr(error, "error_code", "") not in _NO_SUCH_RUN
    return bool(found.info.lifecycle_stage == "active")


def _unusable(uri: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"the tracking server {shown(uri)} can't be used: {server.in_words(error)}. Start it, or give "
        f"another one with tracking.uri= (a file: {DEFAULT_URI})."
    )


def remember(run_dir: Path, identity: RunIdentity) -> None:
    """Write `run.json`; what the folder had spooled for another run is put aside."""
    known = identity_of(run_dir)
    spool = run_dir / "spool"
    if known is not None and known.run_id != identity.run_id and spool.is_dir():
        spool.rename(run_dir / f"spool-{known.run_id}")
    (run_dir / FILE).write_text(json.dumps(asdict(identity)))


def _created(client: Any, config: Config, uri: str) -> str:
    try:
        found = experiment_id(client, config.tracking.experiment)
        run = client.create_run(found, run_name=config.run.title)
    except LakesightError:
        raise
    except Exception as error:
        raise _unusable(uri, error) from error
    return str(run.info.run_id)


def experiment_id(client: Any, title: str) -> str:
    """Return the id of the experiment with this title, created if there is none."""
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(title)
    if experiment is None:
        try:
            return str(client.create_experiment(title))
        except MlflowException:
            # Another run created it in the meantime.
            experiment = client.get_experiment_by_name(title)
            if experiment is None:
                raise
    if experiment.lifecycle_stage == "deleted":
        raise ConfigError(
            f"the MLflow experiment {title!r} is deleted. Restore it, or give another one with "
            "tracking.experiment=."
        )
    return str(experiment.experiment_id)


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested values as {"optim.learning_rate": "0.001", ...}, each cut to 500 characters.

    No password of a URL is among them.
    """
    out: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            out |= flat(value, f"{prefix}{key}.")
        else:
            out[f"{prefix}{key}"] = shown(str(value))[:_PARAM_LENGTH]
    return out
