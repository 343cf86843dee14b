"""Begins a search, goes on with one, and starts the process that submits its trials."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cvcore.errors import ConfigError
from cvcore.metrics.mlflow_run import tracking_uri
from launch import tags
from launch.base import RunState
from launch.errors import SubmitError
from launch.ledger import Ledger
from launch.ledger_run import LedgerRun
from launch.search.plan import SEARCH, Plan, folder_of, plan_of
from launch.search.space import read
from launch.search.suggest import require_optuna
from launch.stage import code_version, new_folder
from launch.submit import Submitter

LOG = "search.log"


def begin(
    submitter: Submitter,
    overrides: Sequence[str],
    trials: int,
    parallel: int = 1,
    metric: str | None = None,
    maximize: bool | None = None,
) -> tuple[Ledger, LedgerRun]:
    """Create the parent run of a search and return it with its ledger; nothing is submitted yet.

    Args:
        submitter: who submits.
        overrides: as on the command line; some leave values open.
        trials: runs that are made.
        parallel: most of them at once.
        metric: that is compared; None: the best value of the task's own.
        maximize: whether larger is better; None: as the task says.

    Raises:
        LakesightError: Optuna is missing, or what is searched can't be run.
    """
    require_optuna()
    if not 1 <= parallel <= trials:
        raise ConfigError(
            f"{trials} trials, {parallel} at once, can't be. Give --search 1 or more, and --parallel "
            "from 1 to as many."
        )
    space = read(overrides, submitter.composer)
    space.check(submitter.composer)
    first = {one.key: one.corners()[0] for one in space.varied}
    config = submitter.composer.load(space.overrides(first))
    task = config.task
    plan = Plan(
        overrides=tuple(overrides),
        metric=metric or f"best/{task.metric}",
        maximize=task.greater_is_better if maximize is None else maximize,
        trials=trials,
        parallel=parallel,
        seed=config.seed,
        workdir=str(Path.cwd()),
    )
    folder = _folder(config.run.dir)
    described = {
        SEARCH: plan.tag(),
        tags.SWEEP: str(trials),
        tags.FOLDER: str(folder),
        tags.OVERRIDES: tags.overrides_tag(overrides),
        tags.CODE_VERSION: code_version(),
        tags.GENERATION: "0",
        tags.SUBMITTED_AT: f"{submitter.clock.now():.3f}",
        tags.USER: submitter.user,
    }
    ledger = Ledger(tracking_uri(config))
    title = config.run.title or folder.name
    run_id = ledger.create(config.tracking.experiment, title, described)
    return ledger, ledger.get(run_id)


def _folder(given: str | None) -> Path:
    try:
        if given is None:
            return new_folder(f"search-{time.strftime('%Y%m%d-%H%M%S')}")
        folder = Path(given).expanduser().absolute()
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SubmitError(
            f"run.dir={given or 'runs'} can't be created ({error.strerror}). Give a folder that can be "
            "written."
        ) from error
    if (folder / LOG).exists():
        raise SubmitError(f"{folder} belongs to another search. Give another run.dir=.")
    return folder


def go_on(run: LedgerRun, ledger: Ledger) -> None:
    """Open a search that has stopped, and start its process.

    Raises:
        LakesightError: it goes on already, or can't here.
    """
    require_optuna()
    plan_of(run)
    if run.status.state is RunState.SUCCEEDED:
        raise SubmitError(
            f"{run.title} has SUCCEEDED: {run.tags.get(tags.REASON, 'all trials are done')}. For more "
            "trials begin another search."
        )
    with held(run) as is_mine:
        if not is_mine:
            raise SubmitError(f"{run.title} goes on already: there is nothing to resume.")
    if run.is_settled:
        ledger.reopen(run.run_id, run.generation + 1)
    start(run, ledger)


def start(run: LedgerRun, ledger: Ledger) -> Path:
    """Start the process of a search, which goes on when this one ends; return its log.

    Raises:
        SubmitError: it can't be started here.
    """
    plan, folder = plan_of(run), folder_of(run)
    if not Path(plan.workdir).is_dir():
        raise SubmitError(
            f"{run.title} was begun in {plan.workdir}, which is not on this machine. Go on with it "
            "where it was begun."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOG).open("ab") as log:
            subprocess.Popen(  # noqa: S603 (our own module)
                [sys.executable, "-m", "launch.search", run.run_id],
                cwd=plan.workdir,
                env={**os.environ, "MLFLOW_TRACKING_URI": ledger.uri},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    except OSError as error:
        raise SubmitError(f"the search can't be started in {folder} ({error}).") from error
    return folder / LOG


@contextlib.contextmanager
def held(run: LedgerRun) -> Iterator[bool]:
    """Hold a search as its only process; gives False if another one holds it.

    The kernel frees it when the process ends, however it ends.

    Raises:
        SubmitError: its folder can't be locked.
    """
    folder = folder_of(run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "search.lock").open("ab")
    except OSError as error:
        raise SubmitError(f"{folder} can't be written ({error.strerror}).") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
