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
from cvcore.errors import ConfigError

log = logging.getLogger(__name__)

FILE = "run.json"
DEFAULT_URI = "sqlite:///mlruns.db"
_PARAM_LENGTH = 500


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
    """Return the MLflow run of a training, RUNNING: given, remembered by its folder, or created.

    A remembered run whose server does not answer is gone on with: its metrics wait in the spool.

    Raises:
        ConfigError: the given run does not exist, or there is no server to create one.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    uri = tracking_uri(config)
    client = MlflowClient(uri)
    known = identity_of(run_dir) if config.run.resume != "never" else None
    if config.run.id is None and known is not None:
        try:
            MlflowClient(known.uri).update_run(known.run_id, status="RUNNING")
            return known
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                log.warning("the tracking server %s does not answer; metrics are kept", known.uri)
                return known
            log.warning("run %s of this folder is gone from %s", known.run_id, known.uri)
    try:
        run_id = config.run.id or _created(client, config)
        client.update_run(run_id, status="RUNNING")
    except MlflowException as error:
        if config.run.id and error.error_code in (
            "RESOURCE_DOES_NOT_EXIST",
            "INVALID_PARAMETER_VALUE",
        ):
            raise ConfigError(
                f"run.id={config.run.id!r} is not a run of the tracking server {uri}. Give the id "
                "of an existing run, or leave run.id out to create one."
            ) from error
        raise ConfigError(
            f"the tracking server {uri} can't be used: {str(error).splitlines()[0][:300]}. Start "
            f"it, or give another one with tracking.uri= (a file: {DEFAULT_URI})."
        ) from error
    identity = RunIdentity(run_id, uri)
    remember(run_dir, identity)
    return identity


def remember(run_dir: Path, identity: RunIdentity) -> None:
    """Write `run.json`; what the folder had spooled for another run is put aside."""
    known = identity_of(run_dir)
    spool = run_dir / "spool"
    if known is not None and known.run_id != identity.run_id and spool.is_dir():
        spool.rename(run_dir / f"spool-{known.run_id}")
    (run_dir / FILE).write_text(json.dumps(asdict(identity)))


def _created(client: Any, config: Config) -> str:
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(config.tracking.experiment)
    if experiment is None:
        try:
            experiment_id = client.create_experiment(config.tracking.experiment)
        except MlflowException:
            # Another run created it in the meantime.
            experiment = client.get_experiment_by_name(config.tracking.experiment)
            if experiment is None:
                raise
            experiment_id = experiment.experiment_id
    elif experiment.lifecycle_stage == "deleted":
        raise ConfigError(
            f"the MLflow experiment {config.tracking.experiment!r} is deleted. Restore it, or give "
            "another one with tracking.experiment=."
        )
    else:
        experiment_id = experiment.experiment_id
    run = client.create_run(experiment_id, run_name=config.run.title)
    return str(run.info.run_id)


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested values as {"optim.learning_rate": "0.001", ...}, each cut to 500 characters."""
    out: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            out |= flat(value, f"{prefix}{key}.")
        else:
            out[f"{prefix}{key}"] = str(value)[:_PARAM_LENGTH]
    return out
