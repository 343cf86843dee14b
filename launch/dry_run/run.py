"""The dry run: its stages in order."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cvcore.config.composer import Composer
from cvcore.config.schema import Config
from cvcore.data.readers import open_splits
from cvcore.errors import LakesightError
from cvcore.metrics import mlflow_run, server
from launch.dry_run import data, places, registry
from launch.dry_run.child import Child, ChildFailed, Processes
from launch.dry_run.result import Results, StageFailed, StageResult
from launch.dry_run.small import small
from launch.ledger import absolute

STAGES = (
    "configuration",
    "places",
    "data",
    "model",
    "training",
    "evaluation",
    "log",
    "register",
    "predict",
)


@dataclass
class _Logged:
    """What the rehearsal left behind."""

    run_id: str
    uri: str
    model_uri: str


class DryRun:
    """One dry run of overrides."""

    def __init__(
        self,
        overrides: Sequence[str],
        child: Child | None = None,
        tell: Callable[[StageResult], None] = lambda _: None,
        keep: bool = False,
    ) -> None:
        """Take what to run.

        Args:
            overrides: as for `lakesight train`.
            child: runs what needs torch; None: processes of their own.
            tell: is given each stage as it ends.
            keep: leave the MLflow run, the registered version and the folder for a look.
        """
        self.overrides = list(overrides)
        self.child = child or Processes()
        self.results = Results(tell)
        self.keep = keep

    def run(self) -> Results:
        """Run every stage up to the first that fails; what was made is taken away again."""
        folder = Path(tempfile.mkdtemp(prefix="lakesight-dry-run-"))
        logged: _Logged | None = None
        name: str | None = None
        try:
            config = self._configuration()
            self._places(config)
            self._data(config)
            rehearsed, left_out = small(config, folder)
            name = rehearsed.registry.register_as
            logged = self._rehearse(rehearsed, left_out)
            self._register(config, rehearsed, logged)
            self._predict(config, logged)
        except StageFailed:
            pass
        finally:
            known = mlflow_run.identity_of(folder)
            if known is not None and not self.keep:
                registry.take_away(server.client(known.uri), known.run_id, name)
            if not self.keep:
                shutil.rmtree(folder, ignore_errors=True)
        done = {result.stage for result in self.results.stages}
        for stage in STAGES:
            if stage not in done:
                self.results.add(StageResult(stage))
        return self.results

    def _configuration(self) -> Config:
        with self.results.stage("configuration") as result:
            config = Composer().load(self.overrides)
            result.said = (
                f"{config.task.kind}, {config.model.checkpoint or config.model.model_type}"
            )
        return config

    def _places(self, config: Config) -> None:
        with self.results.stage("places") as result:
            places.require_portable(config)
            folder = places.require_folder("run.dir", config.run.dir or "runs")
            free = places.require_space(folder, "run.dir")
            if config.run.durable_dir is not None:
                durable = places.require_folder("run.durable_dir", config.run.durable_dir)
                places.require_space(durable, "run.durable_dir")
            uri = places.require_tracking(config)
            result.said = f"{free:.0f} GiB free; {server.without_password(uri)} answers"

    def _data(self, config: Config) -> None:
        with self.results.stage("data") as result:
            result.status, result.said = data.check_data(config)

    def _rehearse(self, config: Config, left_out: list[str]) -> _Logged:
        """Follow the rehearsal's events; stages it starts twice are one."""
        current, begun, said = "model", time.perf_counter(), ""
        model_uri = ""

        def ended(status: str) -> None:
            seconds = time.perf_counter() - begun
            self.results.add(StageResult(current, status, seconds, said))

        try:
            for event in self.child.rehearse(config):
                if event["event"] == "start" and event["stage"] != current:
                    ended("ok")
                    current, begun, said = event["stage"], time.perf_counter(), ""
                if event["event"] == "ok" and event["said"]:
                    said = event["said"]
                    if current == "training" and left_out:
                        said += f"; not tried: {', '.join(left_out)}"
                    if current == "log":
                        model_uri = said
        except LakesightError as error:
            said = str(error)
            ended("fail")
            raise StageFailed(said) from error
        known = mlflow_run.identity_of(Path(str(config.run.dir)))
        if not model_uri or known is None:
            said = "the training ended without a logged model"
            ended("fail")
            raise StageFailed(said)
        status = server.client(known.uri).get_run(known.run_id)
        said = f"run {known.run_id[:8]} with {len(status.data.metrics)} metrics, {model_uri}"
        ended("ok" if status.data.metrics else "warn")
        return _Logged(known.run_id, known.uri, model_uri)

    def _register(self, config: Config, rehearsed: Config, logged: _Logged) -> None:
        name = rehearsed.registry.register_as
        if name is None:
            self.results.add(
                StageResult("register", "skipped", 0.0, "registry.register_as is not set")
            )
            return
        with self.results.stage("register") as result:
            version = registry.version_of(server.client(logged.uri), name, logged.run_id)
            logged.model_uri = f"models:/{name}/{version}"
            result.said = (
                f"{name} version {version} (taken away again; the run registers as "
                f"{config.registry.register_as})"
            )

    def _predict(self, config: Config, logged: _Logged) -> None:
        with self.results.stage("predict") as result:
            record = open_splits(config.data, config.task.kind)["val"][0]
            found = self.child.predict(logged.model_uri, absolute(logged.uri), record.image.read())
            answer = found["answer"]
            if "size" not in answer:
                raise ChildFailed(
                    f"the model answered {str(answer)[:80]!r}, which is no prediction."
                )
            height, width = answer["size"]
            result.said = f"loaded in a clean process; answered a picture of {width} x {height} px"


def dry_run(
    overrides: Sequence[str],
    tell: Callable[[StageResult], None] = lambda _: None,
    *,
    keep: bool = False,
) -> Results:
    """Run every stage of a run on a few images; see `STAGES`.

    Args:
        overrides: as for `lakesight train`.
        tell: is given each stage as it ends.
        keep: leave what was made for a look.

    Returns:
        What came of each stage; `ok` says whether the run may be paid for.
    """
    return DryRun(overrides, tell=tell, keep=keep).run()
