"""From what the submitter handed over to a folder and a configuration of this machine."""

from __future__ import annotations

import shutil
from pathlib import Path

from cvcore.config.overrides import assign
from cvcore.config.schema import Config
from cvcore.data.places import localise
from cvcore.metrics.spool import FOLDER
from cvcore.train import frozen
from launch.errors import LaunchError
from launch.node.layout import NodeSpec

CONFIG = "config.yaml"
RESULT = "result.json"
EVALUATION = "cvcore.evaluate"
_ON_A_VOLUME = ("/Volumes/", "dbfs:")


def is_training(spec: NodeSpec) -> bool:
    """Whether it is a training, whose configuration and processes are ours to arrange."""
    return spec.run.module.startswith("cvcore.train")


def is_evaluation(spec: NodeSpec) -> bool:
    """Whether it is an evaluation of a model that is in MLflow."""
    return spec.run.module == EVALUATION


def local_folder(spec: NodeSpec) -> Path:
    """Return the run's folder on this machine's own disk."""
    return localise(spec.local_dir) / spec.run.run_id


def fetch(spec: NodeSpec) -> Path:
    """Bring the submitter's files to this machine's disk; return the run's folder there.

    Raises:
        LaunchError: the Volume can't be read, or the disk can't be written.
    """
    source, target = localise(spec.folder.files(spec.run.generation)), local_folder(spec)
    try:
        target.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True, copy_function=shutil.copyfile)
        _take_spool(localise(spec.folder.durable), target)
    except OSError as error:
        raise LaunchError(
            f"{source} can't be copied to {target}: {error.strerror or error}. Check that the one "
            "the job runs as has READ VOLUME on the Volume, and that compute.local_dir is a disk "
            "of this machine."
        ) from error
    return target


def _take_spool(durable: Path, folder: Path) -> None:
    """Take the points that a lost node may have logged and not delivered."""
    entries = Path(FOLDER) / "entries.jsonl"
    if (durable / entries).is_file() and not (folder / entries).exists():
        (folder / FOLDER).mkdir(exist_ok=True)
        shutil.copyfile(durable / entries, folder / entries)


def arguments(spec: NodeSpec, folder: Path) -> list[str]:
    """Return the run's arguments with this machine's folder in place of the submitter's."""
    theirs = spec.run.folder
    return [
        f"{folder}{word[len(theirs) :]}" if theirs and word.startswith(theirs) else word
        for word in spec.run.arguments
    ]


def adapt(spec: NodeSpec, folder: Path, attempt: int, devices: int) -> Config:
    """Write the run's configuration for this machine, and return it.

    Data of a Volume is staged on the local disk, checkpoints go back to the Volume, and an attempt
    after the first goes on from them.

    Args:
        spec: what is to run.
        folder: the run's folder here.
        attempt: its number.
        devices: processes of the whole run.

    Raises:
        ConfigError: the configuration can't be read.
    """
    config = frozen.load(localise(spec.folder.files(spec.run.generation)) / CONFIG)
    config.run.dir = str(folder)
    config.run.durable_dir = str(localise(spec.folder.durable))
    if spec.run.tracking_uri:
        config.run.id = spec.run.run_id
        config.tracking.uri = spec.run.tracking_uri
    if attempt > 1 or spec.run.generation > 0:
        config.run.resume = "auto"
    root = config.data.root
    if root is not None and root.startswith(_ON_A_VOLUME):
        config.data.stage = True
    config.data.cache_dir = str(folder.parent / "data")
    config.compute.num_devices = devices
    frozen.save(config, folder / CONFIG)
    return config


def bring_model(spec: NodeSpec, folder: Path) -> None:
    """Bring the model of an evaluation here, by this process: it can sign in to MLflow.

    Raises:
        LakesightError: it can't be had.
    """
    from cvcore.evaluate.bring import bring
    from cvcore.evaluate.job import FILE, EvaluationJob

    # The submitter's: an earlier attempt has changed the copy here.
    job = EvaluationJob.read(localise(spec.folder.files(spec.run.generation)) / FILE)
    places = [assign("data.cache_dir", str(folder.parent / "data")), "data.stage=true"]
    bring(job, folder, spec.run.tracking_uri, places).write(folder)


def clear(folder: Path) -> None:
    """Remove what an earlier attempt said of its end."""
    for old in (folder / RESULT, *folder.glob(".failure.*")):
        old.unlink(missing_ok=True)


def has_ended_well(folder: Path, code: int) -> bool:
    """Whether a training's exit code 0 is one: DeepSpeed's launcher gives it too when killed."""
    return code == 0 and (folder / RESULT).is_file()
