"""Runs of a hostfile: the contract, and a training by DeepSpeed's own launcher."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from launch.base import RunState
from launch.errors import SubmitError
from launch.hostfile import hosts, start
from launch.hostfile.launcher import HostfileLauncher
from launch.node.command import free_port
from launch.submit import Submitter
from launch.testing.contract import LauncherContract, everything

pytestmark = pytest.mark.usefixtures("warm")


@pytest.mark.slow
class TestHostfileLauncher(LauncherContract):
    poll_s = 0.05

    @pytest.fixture
    def launchers(self, state, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "hostfile").write_text("localhost slots=2\n")
        return lambda: HostfileLauncher(state)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no machine"),
        ("node1\n", r"line 1 of .* is 'node1'\. Write"),
        ("node1 slots=0\n", "line 1"),
        ("a slots=1\n# more\na slots=2\n", "names 'a' twice"),
    ],
)
def test_a_faulty_hostfile_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "hostfile"
    path.write_text(text)
    with pytest.raises(SubmitError, match=said):
        hosts.read(path)


def test_a_hostfile_is_read_as_deepspeed_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "hostfile"
    path.write_text("node1 slots=8\n\n# a comment\nnode2 slots=4 # another\n")
    assert hosts.read(path) == {"node1": 8, "node2": 4}


def test_a_hostfile_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SubmitError, match=r"compute\.hostfile="):
        hosts.read(tmp_path / "none")


def test_deepspeeds_launcher_takes_our_words() -> None:
    pytest.importorskip("deepspeed")
    from deepspeed.launcher.runner import parse_args

    words = ["/r/config.yaml", "--hostfile=h", "--include=a@b", "--ssh_port=2222"]
    words += ["--master_port=29501", "--launcher-arg=--launcher=openmpi"]
    command = start.command(start.parsed(words), Path("/r/.stop"))
    assert command[:4] == [sys.executable, "-u", "-m", "deepspeed.launcher.runner"]
    args = parse_args(command[4:])
    assert (args.hostfile, args.include, args.ssh_port) == ("h", "a@b", 2222)
    assert (args.master_port, args.launcher) == (29501, "openmpi")
    assert (args.module, args.no_local_rank, args.user_script) == (True, True, "launch.node.rank")
    assert args.user_args == ["/r/config.yaml", "--stop-file=/r/.stop"]


@pytest.mark.slow
def test_a_training_runs_by_deepspeeds_launcher_and_stops_when_asked(
    state, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    Path("hostfile").write_text("localhost slots=2\n")
    launcher = HostfileLauncher(state)
    submitter = Submitter(lambda kind: launcher, user="ada")
    submitted = submitter.submit(
        [
            "task=classification",
            "model=classification/resnet_micro",
            "data.num_train=16",
            "data.num_val=10",
            "data.num_test=10",
            "trainer.use_cpu=true",
            "trainer.max_steps=5000",
            "trainer.eval_steps=5000",
            "trainer.save_steps=5000",
            "trainer.logging_steps=1",
            "trainer.per_device_train_batch_size=4",
            "trainer.dataloader_num_workers=0",
            "monitoring.system_metrics=false",
            "tracking.log_model=false",
            "tracking.num_images=0",
            "compute=hostfile",
            "compute.num_devices=2",
            "compute.launcher_args=[--no_ssh_check]",
            "compute.master_addr=127.0.0.1",
            f"compute.master_port={free_port()}",
        ]
    )
    handle, end = submitted.handle, time.monotonic() + 120
    while "  loss " not in everything(launcher, handle):
        assert time.monotonic() < end, everything(launcher, handle)
        assert not launcher.poll([handle])[handle.run_id].state.is_final, everything(
            launcher, handle
        )
        time.sleep(0.5)
    launcher.cancel(handle)
    while not (status := launcher.poll([handle])[handle.run_id]).state.is_final:
        assert time.monotonic() < end, everything(launcher, handle)
        time.sleep(0.2)
    assert status.state is RunState.CANCELED
    assert list(Path(handle.folder).glob("checkpoints/checkpoint-*/COMPLETE")), "it has saved"
    assert json.loads(Path(handle.folder, "hostfile.json").read_text())["queue"]
