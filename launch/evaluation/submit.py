"""An evaluation as a run: its own MLflow run, linked to the one that trained the model.

It waits in the line like a training, and runs `python -m cvcore.evaluate`.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cvcore.config.composer import Composer
from cvcore.config.overrides import parse
from cvcore.data.records import SPLITS
from cvcore.errors import ConfigError, did_you_mean
from cvcore.evaluate.job import EvaluationJob
from cvcore.metrics.mlflow_run import identity_of, tracking_uri
from launch import work
from launch.account import account
from launch.activity.record import recorded
from launch.clock import Clock, SystemClock
from launch.errors import SubmitError
from launch.launchers import get_launcher
from launch.ledger import Ledger
from launch.serving.models import resolve
from launch.stage import new_folder
from launch.submit import GetLauncher, Submitted

EVALUATION = "evaluation"
SOURCE = "lakesight.evaluation.source"
"""Tag: id of the run that trained the model."""
MODEL = "lakesight.evaluation.model"
SPLIT = "lakesight.evaluation.split"
DATA = "lakesight.evaluation.data"
"""Tag: what was evaluated on other data than the run's own, as overrides."""

_MODULE = "cvcore.evaluate"


def submit(
    model: str,
    split: str = "val",
    overrides: Sequence[str] = (),
    *,
    ledger_uri: str = "",
    launchers: GetLauncher = get_launcher,
    clock: Clock | None = None,
    user: str = "",
) -> Submitted:
    """Hand an evaluation over and return at once.

    Args:
        model: a run's folder, id or title, or a saved model folder, as `lakesight batch` takes it.
        split: train, val or test.
        overrides: on top of the run's own, as of `lakesight evaluate`; those of `compute` say where
            it runs, those of `tracking` where it is logged.
        ledger_uri: of the MLflow server; "": as the configuration says.
        launchers: returns the launcher of a kind.
        clock: gives the time of submission.
        user: who submits; "": the account of this process.

    Raises:
        LakesightError: it can't be; nothing was started.
    """
    if split not in SPLITS:
        raise ConfigError(
            f"there is no split {split!r}. Splits: {', '.join(SPLITS)}.{did_you_mean(split, SPLITS)}"
        )
    places = [o for o in overrides if parse(o).key.partition(".")[0] in ("compute", "tracking")]
    config = Composer().load(places)
    if config.compute.kind != "local":
        raise SubmitError(
            f"an evaluation runs on this machine (compute=local), not with {config.compute.kind}: the "
            "model's folder is here. On a cluster a training evaluates its best model at its end."
        )
    ledger = Ledger(ledger_uri or tracking_uri(config))
    folder_of_model = _model_folder(model, ledger.uri)
    others = [o for o in overrides if o not in places]
    _check(folder_of_model, others)
    launcher = launchers(config.compute.kind)
    source = identity_of(folder_of_model.parent)
    title = f"{folder_of_model.parent.name} on {split}"
    folder = new_folder(f"{time.strftime('%Y%m%d-%H%M%S')}-{EVALUATION}")
    who = user or account()
    at = (clock or SystemClock()).now()
    described = {
        **work.described(EVALUATION, launcher, folder, overrides, at, who),
        MODEL: str(folder_of_model),
        SPLIT: split,
        SOURCE: source.run_id if source else "",
        DATA: shlex.join(others),
    }
    with recorded("launch", f"evaluation {title}", who) as told:
        run_id = ledger.create(config.tracking.experiment, title, described)
        told["id"] = run_id
        uri = ledger.uri
        job = EvaluationJob(
            str(folder_of_model),
            split,
            tuple(others),
            run_id,
            tracking_uri="" if "@" in uri else uri,
            device="cpu" if config.trainer.use_cpu else "",
        )
        file = job.write(folder)
        spec = work.spec(
            EVALUATION, config, folder, run_id, _MODULE, file, title=title, uri=uri, user=who
        )
        own = {**spec.environment, "MLFLOW_TRACKING_URI": uri}
        handle = work.hand_over(launcher, replace(spec, environment=own), ledger)
        return Submitted(handle, title, uri)


def command(model: str, split: str, overrides: Sequence[str]) -> str:
    """Return the command that does what `submit` does."""
    words = ["lakesight", "submit-evaluation", model, "--split", split, *overrides]
    return shlex.join(words)


def _model_folder(word: str, uri: str) -> Path:
    found = resolve(word, uri)
    if not found.folder:
        raise SubmitError(
            f"{word} is a registered version. Evaluate the run it was made from: its folder, id or title."
        )
    return Path(found.folder).absolute()


def _check(folder: Path, overrides: Sequence[str]) -> None:
    """Raise when the overrides can't be used with this model, before anything is started."""
    from cvcore.evaluate.configuration import configuration

    configuration(folder, overrides)
