"""Whether a run can write where it must: its folder, the durable place, the tracking server."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from cvcore.config.schema import Config
from cvcore.data.places import localise
from cvcore.errors import ConfigError
from cvcore.metrics import mlflow_run, server
from cvcore.train import frozen

GIB = float(1 << 30)
LEAST_FREE_GIB = 2.0
"""Below this a training of any size is likely to stop at a checkpoint."""


def require_folder(key: str, value: str) -> Path:
    """Return the folder a key names, created, if this process can write into it.

    Raises:
        ConfigError: it can't.
    """
    path = Path(localise(value)).expanduser().absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path, prefix=".lakesight-") as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError(
            f"{key}={value} can't be written ({error.strerror}). Give a folder that you may write to, "
            "or correct its rights."
        ) from error
    return path


def require_space(folder: Path, key: str) -> float:
    """Return the free space of a folder's disk, GiB.

    Raises:
        ConfigError: there is too little.
    """
    free = shutil.disk_usage(folder).free / GIB
    if free < LEAST_FREE_GIB:
        raise ConfigError(
            f"the disk of {key}={folder} has {free:.2f} GiB left; checkpoints need at least "
            f"{LEAST_FREE_GIB:.0f}. Free some, or give another folder."
        )
    return free


def require_portable(config: Config) -> None:
    """Refuse what is of this machine only when the run goes elsewhere, as submitting would.

    Raises:
        LaunchError: data, weights or the tracking server are not reachable from there.
    """
    if config.compute.kind != "databricks":
        return
    from launch.base import RunSpec
    from launch.databricks.portable import portable

    with tempfile.TemporaryDirectory(prefix="lakesight-") as folder:
        frozen.save(config, Path(folder) / "config.yaml")
        portable(RunSpec("dry-run", folder, tracking_uri=mlflow_run.tracking_uri(config)))


def require_tracking(config: Config) -> str:
    """Return the tracking server's address if it answers and has, or can have, the experiment.

    Raises:
        ConfigError: it does not answer, or the experiment is deleted or can't be created.
    """
    uri = mlflow_run.tracking_uri(config)
    try:
        client = server.client(uri)
        mlflow_run.experiment_id(client, config.tracking.experiment)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(
            f"the tracking server {server.without_password(uri)} can't be used: "
            f"{server.in_words(error)}. Start it, or give another one with tracking.uri=."
        ) from error
    return uri
