"""Submitting, resuming and repeating runs; the ledger knows all of it. Launchers are fakes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import yaml

from cvcore.config.composer import Composer
from cvcore.errors import ConfigError, OverrideError
from cvcore.metrics.mlflow_run import identity_of
from cvcore.train import frozen
from launch import tags
from launch.base import RunState, RunStatus
from launch.errors import LaunchError, SubmitError, UnknownRun
from launch.launchers import get_launcher
from launch.ledger import Ledger, absolute
from launch.stage import config_hash, environment
from launch.submit import Submitter
from launch.sweep import expand
from launch.testing.clock import FakeClock
from launch.testing.fake import FakeLauncher, FakePlatform
from launch.watch import Watch

SMALL = ["task=classification", "model=classification/resnet_micro", "trainer.max_steps=2"]


@pytest.fixture
def platform() -> FakePlatform:
    return FakePlatform(FakeClock(), num_slots=9)


@pytest.fixture
def submitter(platform: FakePlatform, ledger_uri: str) -> Submitter:
    return Submitter(lambda _: FakeLauncher(platform), platform.clock, user="ada")


@pytest.fixture
def ledger(ledger_uri: str) -> Ledger:
    return Ledger(ledger_uri)


def watch(ledger: Ledger, platform: FakePlatform) -> Watch:
    return Watch(ledger, lambda _: FakeLauncher(platform), platform.clock)


def test_a_run_is_in_the_ledger_before_it_starts(submitter, ledger, platform):
    done = submitter.submit([*SMALL, "run.title=first"])
    (run,) = ledger.runs()
    assert (run.run_id, run.title, run.mlflow_status) == (done.handle.run_id, "first", "SCHEDULED")
    assert run.user == "ada"
    assert run.handle == done.handle
    assert json.loads(run.tags[tags.OVERRIDES]) == [*SMALL, "run.title=first"]
    assert run.tags[tags.CODE_VERSION]
    assert run.tags[tags.CONFIG_HASH]
    assert run.experiment == "lakesight"
    spec = platform.jobs[run.run_id].spec
    assert spec.module == "cvcore.train"
    assert spec.arguments == (str(Path(run.handle.folder) / "config.yaml"),)


def test_the_folder_holds_what_the_core_reads(submitter, ledger):
    done = submitter.submit(SMALL)
    folder = Path(done.handle.folder)
    config = frozen.load(folder / "config.yaml")
    assert config.run.id == done.handle.run_id
    assert config.run.dir == str(folder)
    assert config.trainer.max_steps == 2
    assert frozen.read_overrides(folder) == SMALL
    identity = identity_of(folder)
    assert identity is not None
    assert (identity.run_id, identity.uri) == (done.handle.run_id, ledger.uri)


def test_the_same_configuration_has_the_same_hash(ledger_uri):
    one, same, other = (
        config_hash(Composer().load([*SMALL, *more]))
        for more in (["run.title=a"], ["run.title=b", "compute.max_retries=7"], ["seed=3"])
    )
    assert one == same != other


def test_runs_are_found_by_what_people_call_them(submitter, ledger):
    done = [submitter.submit([*SMALL, f"run.title=run-{n}"]) for n in "ab"]
    for word in (
        done[0].handle.run_id,
        done[0].handle.run_id[:8],
        "run-a",
        done[0].handle.folder,
    ):
        assert ledger.find(word).run_id == done[0].handle.run_id
    with pytest.raises(UnknownRun, match="Did you mean 'run-b'"):
        ledger.find("run_b")
    submitter.submit([*SMALL, "run.title=run-a"])
    with pytest.raises(UnknownRun, match="fits 2 runs"):
        ledger.find("run-a")


def test_an_empty_ledger_says_what_to_do(ledger):
    with pytest.raises(UnknownRun, match="lakesight submit"):
        ledger.find("x")
    assert ledger.runs() == []


def test_a_refused_run_is_closed_with_its_reason(submitter, ledger, platform):
    platform.refuse = "no GPU of this kind"
    with pytest.raises(SubmitError, match="no GPU of this kind"):
        submitter.submit(SMALL)
    (run,) = ledger.runs()
    assert run.mlflow_status == "FAILED"
    assert run.status.state is RunState.FAILED
    assert "no GPU of this kind" in run.status.reason


def test_what_cannot_run_is_refused_before_anything_exists(submitter, ledger, tmp_path):
    with pytest.raises(ConfigError):
        submitter.submit([*SMALL, "optim.learning_rate=50"])
    with pytest.raises(ConfigError, match="lakesight resume"):
        submitter.submit([*SMALL, "run.id=abcdef"])
    assert ledger.runs() == []
    assert not (tmp_path / "runs").exists()


def test_runs_of_one_second_have_folders_of_their_own(submitter):
    folders = {submitter.submit(SMALL).handle.folder for _ in range(3)}
    assert len(folders) == 3


def test_a_run_that_ended_is_settled_once_seen(submitter, ledger, platform):
    platform.words = ("fail",)
    done = submitter.submit([*SMALL, "compute.max_retries=0"])
    status = watch(ledger, platform).look(ledger.runs())[done.handle.run_id]
    assert status.state is RunState.FAILED
    run = ledger.get(done.handle.run_id)
    assert (run.mlflow_status, run.is_settled) == ("FAILED", True)
    assert "exit code 3" in run.status.reason
    # The platform forgets; the ledger does not.
    platform.jobs.clear()
    assert watch(ledger, platform).look([run])[run.run_id].state is RunState.FAILED


def test_a_platform_that_does_not_answer_changes_nothing(submitter, ledger, platform, caplog):
    done = submitter.submit(SMALL)

    def broken(_kind):
        raise ConnectionError("no route")

    found = Watch(ledger, broken, platform.clock).look(ledger.runs())
    assert found[done.handle.run_id].state is RunState.QUEUED
    assert "no route" in caplog.text
    assert not ledger.get(done.handle.run_id).is_settled


def test_a_run_that_is_gone_is_closed_in_the_ledger(submitter, ledger, platform):
    platform.words = ("sleep", "600")
    done = submitter.submit(SMALL)
    watch(ledger, platform).look(ledger.runs())
    platform.lose(done.handle.run_id)
    assert watch(ledger, platform).look(ledger.runs())[done.handle.run_id].state is RunState.LOST
    run = ledger.get(done.handle.run_id)
    assert (run.mlflow_status, run.status.state) == ("FAILED", RunState.LOST)


def test_a_run_being_handed_over_is_not_lost(ledger, platform):
    """Another process lists the runs between the ledger's entry and the launcher's."""
    described = {
        tags.LAUNCHER: "fake",
        tags.GENERATION: "0",
        tags.SUBMITTED_AT: str(platform.clock.now()),
    }
    run_id = ledger.create("lakesight", "new", described)
    assert watch(ledger, platform).look(ledger.runs())[run_id].state is RunState.QUEUED
    platform.clock.advance(600)
    assert watch(ledger, platform).look(ledger.runs())[run_id].state is RunState.LOST


def test_the_trainings_own_sentence_is_kept(submitter, ledger, platform):
    done = submitter.submit(SMALL)
    ledger.tag(done.handle.run_id, {"lakesight.reason": "the loss is not a finite number"})
    ledger.settle(done.handle.run_id, RunStatus(RunState.FAILED, "exit code 2"))
    assert ledger.get(done.handle.run_id).status.reason == "the loss is not a finite number"


def test_resume_goes_on_in_the_same_run_and_folder(submitter, ledger, platform):
    platform.words = ("fail",)
    done = submitter.submit([*SMALL, "compute.max_retries=0", "run.resume=never"])
    watch(ledger, platform).look(ledger.runs())
    platform.words = ("succeed",)
    again = submitter.resume(ledger.get(done.handle.run_id), ledger)
    assert again.handle == done.handle
    assert frozen.load(Path(done.handle.folder) / "config.yaml").run.resume == "auto"
    run = ledger.get(done.handle.run_id)
    assert (run.generation, run.mlflow_status, run.is_settled) == (1, "SCHEDULED", False)
    found = watch(ledger, platform).look(ledger.runs())
    assert found[run.run_id].state is RunState.SUCCEEDED
    with pytest.raises(SubmitError, match="nothing left to do"):
        submitter.resume(ledger.get(run.run_id), ledger)
    assert len(ledger.runs()) == 1


def test_a_running_run_is_not_resumed(submitter, ledger, platform):
    platform.words = ("sleep", "600")
    submitter.submit(SMALL)
    with pytest.raises(SubmitError, match="nothing to resume"):
        submitter.resume(ledger.runs()[0], ledger)


def test_rerun_is_a_new_run_with_more_overrides(submitter, ledger):
    done = submitter.submit([*SMALL, "run.title=first", "run.dir=runs/first"])
    run = ledger.get(done.handle.run_id)
    new = submitter.rerun(run, ["seed=7", "run.title=second"])
    assert new.handle.run_id != run.run_id
    assert new.handle.folder != run.handle.folder
    assert frozen.read_overrides(Path(new.handle.folder)) == [*SMALL, "seed=7", "run.title=second"]
    # Its folder is gone: the ledger has the overrides.
    (Path(done.handle.folder) / "overrides.yaml").unlink()
    assert submitter.rerun(run).title.startswith("first")


def test_a_sweep_is_runs_under_a_parent(submitter, ledger, platform):
    done = submitter.sweep([*SMALL, "seed=1,2", "optim.learning_rate=1e-3,1e-4"])
    assert len(done) == 4
    sweep = next(run for run in ledger.runs() if run.is_sweep)
    assert {ledger.get(one.handle.run_id).parent for one in done} == {sweep.run_id}
    rates = [frozen.load(Path(d.handle.folder) / "config.yaml").optim.learning_rate for d in done]
    assert rates == [1e-3, 1e-4, 1e-3, 1e-4]
    found = watch(ledger, platform).look(ledger.runs())
    assert found[sweep.run_id].state is RunState.SUCCEEDED
    assert "4 of 4" in found[sweep.run_id].reason
    assert ledger.get(sweep.run_id).mlflow_status == "FINISHED"


def test_a_sweep_whose_submitter_died_is_closed_with_its_reason(submitter, ledger, platform):
    platform.clock.advance(time.time() - platform.clock.now())  # MLflow has its own
    taken = []

    class Dying(FakeLauncher):
        def submit(self, spec):
            if taken:
                raise KeyboardInterrupt
            taken.append(spec)
            return super().submit(spec)

    submitter.launchers = lambda _: Dying(platform)
    with pytest.raises(KeyboardInterrupt):
        submitter.sweep([*SMALL, "seed=1,2,3"])
    sweep = next(run for run in ledger.runs() if run.is_sweep)
    looked = watch(ledger, platform).look(ledger.runs())
    assert looked[sweep.run_id].state is RunState.RUNNING  # the next may be coming
    platform.clock.advance(300)
    # Who looks at the parent only does not close it while a run of it is open.
    assert not watch(ledger, platform).look([sweep])[sweep.run_id].state.is_final
    watch(ledger, platform).look(ledger.runs())  # the one that was not handed over is lost
    platform.clock.advance(300)
    found = watch(ledger, platform).look(ledger.runs())[sweep.run_id]
    assert found.state is RunState.FAILED
    assert "only 2 of 3 runs were submitted" in found.reason


def test_a_sweep_with_a_fault_submits_nothing(submitter, ledger):
    with pytest.raises(ConfigError):
        submitter.sweep([*SMALL, "optim.learning_rate=1e-3,50"])
    assert ledger.runs() == []


@pytest.mark.parametrize(
    ("texts", "runs"),
    [
        (["seed=1"], [["seed=1"]]),
        (["seed=range(3)"], [["seed=0"], ["seed=1"], ["seed=2"]]),
        (
            ["seed=1,2", "run.title='a,b'"],
            [["seed=1", "run.title='a,b'"], ["seed=2", "run.title='a,b'"]],
        ),
        (["optim=adamw,sgd"], [["optim=adamw"], ["optim=sgd"]]),
        (
            ["model.image_size=[32,32],[64,64]"],
            [["model.image_size=[32,32]"], ["model.image_size=[64,64]"]],
        ),
    ],
)
def test_sweeps_expand_as_hydras(texts, runs):
    assert expand(texts) == runs


def test_a_sweep_over_all_options():
    assert expand(["compute=glob(local*)"]) == [["compute=local"]]


@pytest.mark.parametrize("text", ["optim.learning_rate=interval(0,1)", "seed=range(100000)"])
def test_a_sweep_without_an_end_is_refused(text):
    with pytest.raises(OverrideError, match=r"list of values|at most 1000"):
        expand([text])


def test_uris_mean_the_same_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert absolute("sqlite:///mlruns.db") == f"sqlite:///{tmp_path}/mlruns.db"
    assert absolute(f"sqlite:///{tmp_path}/a.db") == f"sqlite:///{tmp_path}/a.db"
    assert absolute("mlruns") == f"file://{tmp_path}/mlruns"
    for uri in ("http://127.0.0.1:5000", "databricks", "databricks://profile", "file:///x"):
        assert absolute(uri) == uri


def test_secrets_stay_out_of_files(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "hush")
    monkeypatch.setenv("HF_TOKEN", "hush")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("HF_HOME", "/models")
    assert environment()["HF_HOME"] == "/models"
    assert "hush" not in environment().values()


def test_an_unknown_launcher_names_the_known():
    with pytest.raises(LaunchError, match="Did you mean 'local'"):
        get_launcher("locl")


def test_yaml_of_overrides_is_a_list(submitter):
    folder = Path(submitter.submit([*SMALL, "run.title='a: b'"]).handle.folder)
    assert yaml.safe_load((folder / "overrides.yaml").read_text())[-1] == "run.title='a: b'"
