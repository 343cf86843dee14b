"""A run's folder before it runs: the resolved configuration and what it was composed from.

`config.yaml` is what `python -m cvcore.train <folder>/config.yaml` trains, here or on a cluster.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from cvcore import __version__
from cvcore.config.schema import Config
from cvcore.metrics.mlflow_run import RunIdentity, remember
from cvcore.train import frozen
from cvcore.train.commit import git_commit
from launch.base import RunSpec
from launch.errors import SubmitError

CONFIG = "config.yaml"
# What a training reads from its environment and is no secret.
_KEPT = re.compile(
    r"(HF|TRANSFORMERS|TORCH|TORCHINDUCTOR|TRITON|OMP|MKL|NCCL|GLOO|DS|CUDA|MLFLOW|LC|DATABRICKS)_.*"
    r"|PATH|LD_LIBRARY_PATH|PYTHON(PATH|HASHSEED|DONTWRITEBYTECODE)|VIRTUAL_ENV|LANG|TMPDIR|HOME"
    r"|XDG_CACHE_HOME|DO_NOT_TRACK|NO_PROXY|no_proxy"
)
_SECRET = re.compile(r"TOKEN|PASSWORD|SECRET|KEY|CREDENTIAL|USERNAME|VISIBLE_DEVICES", re.I)


def run_folder(config: Config) -> Path:
    """Return the run's folder, created: `run.dir`, or a new `runs/<time>-<task>`.

    Raises:
        SubmitError: it can't be created, or belongs to a submitted run already.
    """
    try:
        if config.run.dir is None:
            return new_folder(f"{time.strftime('%Y%m%d-%H%M%S')}-{config.task.kind}")
        folder = Path(config.run.dir).expanduser().absolute()
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SubmitError(
            f"run.dir={config.run.dir or 'runs'} can't be created ({error.strerror}). Give a folder "
            "that can be written."
        ) from error
    if (folder / "job").exists():
        raise SubmitError(
            f"the folder {config.run.dir} belongs to a run that was submitted. Go on with it: "
            f"lakesight resume {config.run.dir}; or give another run.dir=."
        )
    return folder


def new_folder(title: str) -> Path:
    """Return a new folder `runs/<title>`, with a number behind it if there is one already.

    Raises:
        SubmitError: there are too many.
        OSError: it can't be created.
    """
    base = Path("runs").absolute()
    base.mkdir(exist_ok=True)
    for number in range(1, 10_000):
        folder = base / (title if number == 1 else f"{title}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue  # another run of this second
        return folder
    raise SubmitError(f"there are too many runs called {title} in {base}.")


def config_hash(config: Config) -> str:
    """Return what two runs of the same configuration have in common, whatever they are called."""
    values = dataclasses.asdict(config)
    for group in ("run", "tracking", "compute"):
        values.pop(group)
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def code_version() -> str:
    """Return the version of this code and its git commit, e.g. "0.1.0+3f2a..."."""
    commit = git_commit()
    return f"{__version__}+{commit}" if commit else __version__


def stage(config: Config, overrides: Sequence[str], folder: Path, identity: RunIdentity) -> None:
    """Write what a training reads into its folder; the configuration then says who it is.

    Args:
        config: the whole, checked configuration; `run` and `tracking` are completed in place.
        overrides: what it was composed from.
        folder: the run's.
        identity: its MLflow run.

    Raises:
        SubmitError: the folder can't be written.
    """
    config.run.id = identity.run_id
    config.run.dir = str(folder)
    if "@" not in identity.uri:
        # One with a password stays out of files people share; the environment has it.
        config.tracking.uri = identity.uri
    try:
        frozen.save(config, folder / CONFIG)
        frozen.write_overrides(folder, overrides)
        remember(folder, identity)
    except OSError as error:
        raise SubmitError(
            f"the run's folder {folder} can't be written ({error.strerror}). Give another run.dir=, "
            "or free the disk."
        ) from error


def spec_of(
    config: Config,
    folder: Path,
    identity: RunIdentity,
    *,
    title: str,
    user: str,
    generation: int = 0,
    tags: Mapping[str, str] | None = None,
) -> RunSpec:
    """Return what a launcher is given for a staged run."""
    compute = dataclasses.asdict(config.compute)
    return RunSpec(
        run_id=identity.run_id,
        folder=str(folder),
        arguments=(str(folder / CONFIG),),
        workdir=str(Path.cwd()),
        title=title,
        user=user,
        generation=generation,
        num_devices=config.compute.num_devices,
        use_cpu=config.trainer.use_cpu,
        max_retries=config.compute.max_retries,
        timeout_s=config.compute.timeout_s,
        cancel_grace_s=config.compute.cancel_grace_s,
        tracking_uri=identity.uri,
        environment={**environment(), "MLFLOW_TRACKING_URI": identity.uri},
        tags=dict(tags or {}),
        compute=compute,
    )


def environment() -> dict[str, str]:
    """Return the variables of this process that a training needs later, without secrets.

    Who starts it then may be another process: the run must not depend on which.
    """
    return {
        key: value
        for key, value in os.environ.items()
        if _KEPT.fullmatch(key) and not _SECRET.search(key)
    }
