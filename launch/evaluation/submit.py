"""An evaluation as a run: its own MLflow run, linked to the one that trained the model.

It waits in the line like a training, and runs `python -m cvcore.evaluate`: here, or on a node of
Databricks, which takes the model from MLflow and brings the report there.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import replace

from cvcore.config.composer import Composer
from cvcore.config.overrides import parse
from cvcore.config.schema import Config
from cvcore.data.records import SPLITS
from cvcore.errors import ConfigError, did_you_mean
from cvcore.evaluate.job import EvaluationJob
from cvcore.metrics.mlflow_run import tracking_uri
from launch import work
from launch.account import account
from launch.activity.record import recorded
from launch.clock import Clock, SystemClock
from launch.errors import SubmitError
from launch.evaluation.subject import Subject, subject_of
from launch.launchers import get_launcher
from launch.ledger import Ledger
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
        model: a run's folder, id or title, or a saved model folder.
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
    others = tuple(o for o in overrides if o not in places)
    config = Composer().load(places)
    remote = _is_remote(config)
    ledger = Ledger(ledger_uri or tracking_uri(config))
    subject = subject_of(model, others, ledger, remote=remote)
    config.trainer.use_cpu = subject.config.trainer.use_cpu
    uri = _uri_there(subject, ledger.uri) if remote else ledger.uri
    launcher = launchers(config.compute.kind)
    title = f"{subject.title} on {split}"
    folder = new_folder(f"{time.strftime('%Y%m%d-%H%M%S')}-{EVALUATION}")
    who = user or account()
    at = (clock or SystemClock()).now()
    described = {
        **work.described(EVALUATION, launcher, folder, overrides, at, who),
        MODEL: "" if subject.folder is None else str(subject.folder),
        SPLIT: split,
        SOURCE: subject.run_id,
        DATA: shlex.join(others),
    }
    with recorded("launch", f"evaluation {title}", who) as told:
        run_id = ledger.create(_experiment(config, places, subject), title, described)
        told["id"] = run_id
        job = EvaluationJob(
            "" if subject.folder is None else str(subject.folder),
            split,
            others,
            run_id,
            tracking_uri="" if "@" in uri else uri,
            device="cpu" if config.trainer.use_cpu else "",
            source=subject.run_id if subject.folder is None else "",
            title=subject.title if subject.folder is None else "",
        )
        file = job.write(folder)
        spec = work.spec(
            EVALUATION, config, folder, run_id, _MODULE, file, title=title, uri=uri, user=who
        )
        own = {**spec.environment, "MLFLOW_TRACKING_URI": uri}
        handle = work.hand_over(launcher, replace(spec, environment=own), ledger)
        return Submitted(handle, title, ledger.uri)


def command(model: str, split: str, overrides: Sequence[str]) -> str:
    """Return the command that does what `submit` does."""
    words = ["lakesight", "submit-evaluation", model, "--split", split, *overrides]
    return shlex.join(words)


def _is_remote(config: Config) -> bool:
    """Whether Databricks evaluates.

    Raises:
        SubmitError: it is asked for where, or how, no evaluation runs.
    """
    compute = config.compute
    if compute.kind not in ("local", "databricks"):
        raise SubmitError(
            f"an evaluation runs on this machine (compute=local) or on Databricks, not with {compute.kind}."
        )
    if compute.num_devices > 1 or getattr(compute, "num_workers", 0) > 0:
        raise SubmitError(
            "an evaluation is one process on one device: leave compute.num_devices and "
            "compute.num_workers out."
        )
    return compute.kind == "databricks"


def _uri_there(subject: Subject, uri: str) -> str:
    """Return the tracking URI as a node of Databricks is to use it.

    Raises:
        SubmitError: it can't, or the data are of this machine.
    """
    from launch.databricks.portable import reachable, require_there

    require_there("data.root", subject.config.data.root)
    return reachable(uri)


def _experiment(config: Config, places: Sequence[str], subject: Subject) -> str:
    """Return the experiment: that of the model's run if nobody says otherwise."""
    asked = any(parse(one).key.partition(".")[0] == "tracking" for one in places)
    return config.tracking.experiment if asked else subject.experiment or config.tracking.experiment
