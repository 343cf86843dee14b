"""A node's run: what its processes see, how it reads their end, what it says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cvcore.data.places import MOUNTS_VARIABLE, localise
from cvcore.evaluate.job import EvaluationJob
from launch.base import RunSpec, RunState
from launch.clock import SystemClock
from launch.node import causes
from launch.node.command import command
from launch.node.layout import NodeSpec, NodeStatus
from launch.node.prepare import EVALUATION
from launch.node.run import NodeRun

VOLUME = "/Volumes/main/cv/runs"


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(MOUNTS_VARIABLE, f"/Volumes={tmp_path}/Volumes:/local_disk0={tmp_path}/disk")

    def make(*words: str, **more) -> NodeRun:
        module = more.pop("module", "launch.testing.payload")
        run = RunSpec("r1", "/submitter", module, words, use_cpu=True, **more)
        return NodeRun(NodeSpec(run, VOLUME, log_interval_s=0.1), "7", SystemClock())

    return make


def test_a_training_sees_no_credentials_and_its_ranks_only_spool(node, monkeypatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-secret")
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", "secret")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    monkeypatch.setenv("HF_TOKEN", "for weights")
    seen = node("succeed")._environment(2, spools=True)
    assert "secret" not in " ".join(seen.values())
    assert seen["HF_TOKEN"] == "for weights"
    assert seen["LAKESIGHT_SPOOL_ONLY"] == "1"
    assert seen["LAKESIGHT_ATTEMPT"] == "2"


def test_the_end_of_a_run_is_kept_and_a_second_node_does_not_run_it_again(node) -> None:
    first = node("fail").run()
    assert (first.state, first.code) == (RunState.FAILED, 3)
    second = node("succeed").run()
    assert second == first


def test_a_lost_node_counts_as_an_attempt(node) -> None:
    lost = node("succeed", max_retries=0)
    lost.status.say(RunState.RUNNING, attempt=1)
    outcome = node("succeed", max_retries=0).run()
    assert outcome.state is RunState.FAILED
    assert "the node of attempt 1 was lost" in outcome.reason
    status = NodeStatus.from_dict(json.loads(lost.status.path.read_text()))
    assert status.state is RunState.FAILED


def test_a_lost_node_with_retries_is_followed_by_attempt_two(node) -> None:
    node("succeed", max_retries=1).status.say(RunState.RUNNING, attempt=1)
    again = node("succeed", max_retries=1)
    assert again.run().state is RunState.SUCCEEDED
    assert again.status.current.attempt == 2


def test_an_evaluation_that_can_not_get_its_model_is_tried_again(node) -> None:
    run = node(module=EVALUATION, max_retries=1, tracking_uri="http://127.0.0.1:9")
    files = localise(run.spec.folder.files(0))
    files.mkdir(parents=True)
    EvaluationJob("", source="a1").write(files)
    outcome = run.run()
    assert (outcome.state, outcome.code) == (RunState.FAILED, 1)
    assert outcome.reason.startswith("the model of run a1 can't be fetched")
    assert run.status.current.attempt == 2


def test_a_run_canceled_before_it_began_does_not_begin(node) -> None:
    run = node("succeed")
    run.status.cancel_path.parent.mkdir(parents=True)
    run.status.cancel_path.write_text("canceled")
    assert run.run().state is RunState.CANCELED
    assert run.status.current.attempt == 0


@pytest.mark.parametrize(
    ("devices", "said"),
    [(1, ["-m", "launch.node.train"]), (4, ["-m", "deepspeed.launcher.runner"])],
)
def test_several_devices_are_deepspeeds_launchers(tmp_path: Path, devices: int, said) -> None:
    words = command(NodeSpec(RunSpec("r1", "/x"), VOLUME), tmp_path, devices)
    assert words[0] == sys.executable
    assert words[2:4] == said
    assert words[-1] == str(tmp_path / "config.yaml")
    if devices > 1:
        from deepspeed.launcher.runner import parse_args

        args = parse_args(words[4:])
        assert (args.num_gpus, args.user_script) == (devices, "cvcore.train.worker")
        assert args.no_local_rank
        assert args.module


OOM = (
    "[rank3]: Traceback (most recent call last):\n"
    "[rank3]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 3 has\n"
    "[rank0]: torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp\n"
    "ChildFailedError: worker FAILED\n"
)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (OOM, 1, "a GPU ran out of memory on rank 3"),
        ("RuntimeError: NCCL error: unhandled system error", 1, "the GPUs lost each other"),
        ("OSError: [Errno 28] No space left on device", 1, "the disk is full"),
        ("error: data.root is empty.\n", 2, "data.root is empty."),
        ("ModuleNotFoundError: No module named 'timm'", 1, "a library is missing on the node"),
        ("RuntimeError: CUDA error: device-side assert triggered", 1, "a GPU failed"),
        ("RuntimeError: CUDA error: no kernel image is available", 1, "does not fit its GPUs"),
        ("step 3/10\n", 137, "ended by SIGKILL (often: the machine ran out of memory)"),
        ("step 3/10\n", 1, "step 3/10"),
        ("", 1, "it said nothing"),
    ],
)
def test_the_cause_is_told_first(text: str, code: int, said: str) -> None:
    sentence = causes.sentence(text, None, code)
    assert said in sentence
    assert code > 128 or f"(exit code {code})" in sentence


def test_the_rank_that_failed_first_is_told(tmp_path: Path) -> None:
    import os

    for rank, at in ((0, 2000), (1, 1000)):
        file = tmp_path / f".failure.{rank}"
        file.write_text(f"the loss of rank {rank} is not a number.")
        os.utime(file, (at, at))
    said = causes.sentence(OOM, tmp_path, 2)
    assert said == "rank 1 failed: the loss of rank 1 is not a number. (exit code 2)"
