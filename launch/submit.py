"""Submits runs: the ledger first, then the folder, then the launcher. Resumes and repeats them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cvcore.config.composer import Composer
from cvcore.config.overrides import assign
from cvcore.config.schema import Config
from cvcore.errors import ConfigError
from cvcore.metrics.mlflow_run import RunIdentity, tracking_uri
from cvcore.train import frozen
from launch import tags
from launch.account import account
from launch.activity.record import recorded
from launch.base import Launcher, RunHandle, RunSpec, RunState, RunStatus
from launch.clock import Clock, SystemClock
from launch.errors import LaunchError, SubmitError
from launch.launchers import get_launcher
from launch.ledger import Ledger
from launch.ledger_run import LedgerRun
from launch.stage import CONFIG, code_version, config_hash, run_folder, spec_of, stage
from launch.sweep import expand

GetLauncher = Callable[[str], Launcher]


@dataclass(frozen=True)
class Submitted:
    """A run that was handed over.

    Attributes:
        handle: how its launcher finds it.
        title: what people call it.
        uri: of the ledger that has it.
    """

    handle: RunHandle
    title: str
    uri: str


class Submitter:
    """Takes overrides, gives runs."""

    def __init__(
        self,
        launchers: GetLauncher = get_launcher,
        clock: Clock | None = None,
        composer: Composer | None = None,
        user: str = "",
    ) -> None:
        """Take what it works with.

        Args:
            launchers: returns the launcher of a kind.
            clock: gives the time of submission.
            composer: composes; None: with the user's conf folders.
            user: who submits; "": the account of this process.
        """
        self.launchers = launchers
        self.clock = clock or SystemClock()
        self.composer = composer or Composer()
        self.user = user or account()

    def submit(
        self, overrides: Sequence[str], parent: str = "", more: Mapping[str, str] | None = None
    ) -> Submitted:
        """Submit one run.

        Args:
            overrides: as on the command line.
            parent: id of the sweep it belongs to, or "".
            more: further tags of its MLflow run.

        Raises:
            LakesightError: the configuration can't be run, the ledger can't be used, or the launcher
                refused; nothing was started.
        """
        config = self.composer.load(overrides)
        if config.run.id is not None:
            raise ConfigError(
                f"run.id={config.run.id} is given by the launcher to new runs. To go on with a run: "
                f"lakesight resume {config.run.id[:8]}."
            )
        launcher = self.launchers(config.compute.kind)
        ledger = Ledger(tracking_uri(config))
        folder = run_folder(config)
        title = config.run.title or folder.name
        described = {
            tags.LAUNCHER: launcher.kind,
            tags.FOLDER: str(folder),
            tags.OVERRIDES: tags.overrides_tag(overrides),
            tags.CONFIG_HASH: config_hash(config),
            tags.CODE_VERSION: code_version(),
            tags.GENERATION: "0",
            tags.SUBMITTED_AT: f"{self.clock.now():.3f}",
            tags.USER: self.user,
            **(more or {}),
        }
        run_id = ledger.create(config.tracking.experiment, title, described, parent)
        identity = RunIdentity(run_id, ledger.uri)
        with recorded("launch", f"run {title}", self.user) as told:
            told.update(id=run_id, task=config.task.kind, where=launcher.kind)
            try:
                stage(config, overrides, folder, identity)
                spec = spec_of(
                    config,
                    folder,
                    identity,
                    title=title,
                    user=self.user,
                    tags={"lakesight.run_id": run_id},
                )
                handle = self._hand_over(ledger, launcher, spec)
            except LaunchError as error:
                _refused(ledger, run_id, error)
                raise
        return Submitted(handle, title, ledger.uri)

    def sweep(self, overrides: Sequence[str]) -> list[Submitted]:
        """Submit every run of a sweep, below one parent. All are checked before the first.

        Raises:
            LakesightError: as `submit`; the runs before the refused one are submitted.
        """
        runs = expand(overrides, self.composer)
        configs = [self.composer.load(one) for one in runs]
        given = configs[0].run.dir
        base = Path(given or f"runs/sweep-{time.strftime('%Y%m%d-%H%M%S')}").expanduser().absolute()
        title = configs[0].run.title or base.name
        described = {
            tags.SWEEP: str(len(runs)),
            tags.FOLDER: str(base),
            tags.OVERRIDES: tags.overrides_tag(overrides),
            tags.CODE_VERSION: code_version(),
            tags.GENERATION: "0",
            tags.SUBMITTED_AT: f"{self.clock.now():.3f}",
            tags.USER: self.user,
        }
        ledger = Ledger(tracking_uri(configs[0]))
        parent = ledger.create(configs[0].tracking.experiment, title, described)
        done = []
        for number, one in enumerate(runs):
            places = [assign("run.dir", str(base / str(number)))]
            places.append(assign("run.title", f"{title}-{number}"))
            done.append(self.submit([*one, *places], parent))
        return done

    def resume(self, run: LedgerRun, ledger: Ledger) -> Submitted:
        """Go on with a run that has ended: same folder, same MLflow run, newest checkpoint.

        Raises:
            SubmitError: it has not ended, has nothing left to do, or its folder is not here.
        """
        _require_training(run)
        self._require_ended(run)
        config, overrides, folder = _staged(run)
        config.run.resume = "auto"
        identity = RunIdentity(run.run_id, ledger.uri)
        stage(config, overrides, folder, identity)
        generation = run.generation + 1
        spec = spec_of(
            config,
            folder,
            identity,
            title=run.title,
            user=self.user,
            generation=generation,
            tags={"lakesight.run_id": run.run_id},
        )
        launcher = self.launchers(run.handle.launcher)
        with recorded("resume", f"run {run.title}", self.user) as told:
            told["id"] = run.run_id
            ledger.reopen(run.run_id, generation)
            try:
                handle = self._hand_over(ledger, launcher, spec)
            except LaunchError as error:
                _refused(ledger, run.run_id, error)
                raise
        return Submitted(handle, run.title, ledger.uri)

    def rerun(self, run: LedgerRun, overrides: Sequence[str] = ()) -> Submitted:
        """Submit a new run of the same overrides, with more of them on top.

        Raises:
            LakesightError: as `submit`; SubmitError also if what it was made from is not known here.
        """
        _require_training(run)
        before = [
            text for text in overrides_of(run) if not text.startswith(("run.id=", "run.dir="))
        ]
        titled = any(text.startswith("run.title=") for text in overrides)
        before = [text for text in before if not (titled and text.startswith("run.title="))]
        return self.submit([*before, *overrides])

    def _hand_over(self, ledger: Ledger, launcher: Launcher, spec: RunSpec) -> RunHandle:
        handle = launcher.submit(spec)
        ledger.tag(spec.run_id, {tags.EXTERNAL_ID: handle.external_id})
        return handle

    def _require_ended(self, run: LedgerRun) -> None:
        if run.is_sweep:
            raise SubmitError(f"{run.title} is a sweep. Resume its runs one by one.")
        status = self.launchers(run.handle.launcher).poll([run.handle]).get(run.run_id, run.status)
        if not status.state.is_final:
            raise SubmitError(
                f"{run.title} is {status.state}: there is nothing to resume. Watch it with "
                f"`lakesight logs -f {run.run_id[:8]}`."
            )
        if status.state is RunState.SUCCEEDED:
            raise SubmitError(
                f"{run.title} has SUCCEEDED: there is nothing left to do. For longer training: "
                f"lakesight rerun {run.run_id[:8]} trainer.num_train_epochs=..."
            )


def _require_training(run: LedgerRun) -> None:
    if kind := run.tags.get(tags.KIND):
        raise SubmitError(
            f"{run.title} is no training (its kind is {kind}). Give the command that began it again."
        )


def _refused(ledger: Ledger, run_id: str, error: LaunchError) -> None:
    ledger.settle(run_id, RunStatus(RunState.FAILED, f"not submitted: {error}"))


def _staged(run: LedgerRun) -> tuple[Config, list[str], Path]:
    folder = Path(run.handle.folder)
    if not (folder / CONFIG).is_file():
        raise SubmitError(
            f"the folder of {run.title}, {folder}, is not on this machine. Resume it where it is, or "
            f"train it anew: lakesight rerun {run.run_id[:8]}."
        )
    return frozen.load(folder / CONFIG), frozen.read_overrides(folder), folder


def overrides_of(run: LedgerRun) -> list[str]:
    """Return what a run was submitted with.

    Raises:
        SubmitError: it is neither in its folder nor in the ledger.
    """
    folder = Path(run.handle.folder)
    if (folder / frozen.OVERRIDES).is_file():
        return frozen.read_overrides(folder)
    try:
        return [str(text) for text in json.loads(run.tags[tags.OVERRIDES])]
    except (KeyError, ValueError):
        raise SubmitError(
            f"the overrides of {run.title} are neither in {folder} nor in the ledger. Submit it anew: "
            "lakesight submit ..."
        ) from None
