"""Two machines (torchrun on loopback, folders of their own) train what one machine does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cvcore.config.composer import load
from cvcore.train import frozen
from cvcore.train.nodes import EXCHANGE
from launch.node.command import free_port

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm")]

RUN = [
    "task=classification",
    "model=classification/resnet_micro",
    "data.num_train=16",
    "data.num_val=10",
    "data.num_test=10",
    "trainer.use_cpu=true",
    "trainer.max_steps=4",
    "trainer.eval_steps=2",
    "trainer.save_steps=2",
    "trainer.logging_steps=1",
    "trainer.per_device_train_batch_size=4",
    "trainer.dataloader_num_workers=0",
    "monitoring.system_metrics=false",
    "tracking.log_model=false",
    "tracking.num_images=0",
]


def machine(folder: Path, *words: str, more: dict[str, str]) -> subprocess.Popen[str]:
    """Start one machine's processes; its run's folder is `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    config = load([*RUN, f"run.dir={folder}", f"tracking.uri=sqlite:///{folder}/mlruns.db"])
    frozen.save(config, folder / "config.yaml")
    frozen.write_overrides(folder, RUN)
    command = [sys.executable, "-m", "torch.distributed.run", *words]
    command += ["-m", "launch.node.rank", str(folder / "config.yaml")]
    environment = {**os.environ, "DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1", **more}
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(*machines: subprocess.Popen[str]) -> None:
    try:
        for one in machines:
            text, _ = one.communicate(timeout=150)
            assert one.returncode == 0, text
    finally:
        for one in machines:
            if one.poll() is None:
                os.killpg(one.pid, 9)


def two_machines(tmp_path: Path) -> tuple[Path, Path]:
    """Train on two machines, each with one process and a disk of its own; return their folders."""
    (tmp_path / "exchange").mkdir(exist_ok=True)
    more = {EXCHANGE: str(tmp_path / "exchange")}
    port = free_port()
    folders = tmp_path / "first", tmp_path / "second"
    common = (
        "--nnodes=2",
        "--nproc-per-node=1",
        "--master-addr=127.0.0.1",
        f"--master-port={port}",
    )
    finish(
        *(
            machine(folder, *common, f"--node-rank={rank}", more=more)
            for rank, folder in enumerate(folders)
        )
    )
    return folders


def losses(folder: Path) -> dict[int, float]:
    lines = (folder / "spool" / "entries.jsonl").read_text().splitlines()
    entries = [entry for entry in map(json.loads, lines) if entry.get("key") == "train/loss"]
    return {entry["step"]: entry["value"] for entry in entries}


def test_two_machines_train_what_two_processes_of_one_do_and_go_on_alike(tmp_path: Path) -> None:
    one = tmp_path / "one"
    finish(machine(one, "--standalone", "--nproc-per-node=2", more={}))
    first, second = two_machines(tmp_path)
    expected = losses(one)
    assert sorted(expected) == [1, 2, 3, 4]
    assert losses(first) == pytest.approx(expected, rel=1e-6)
    result, same = (json.loads((f / "result.json").read_text()) for f in (one, first))
    assert same["metrics"] == pytest.approx(result["metrics"], rel=1e-6, nan_ok=True)
    assert not (second / "spool").exists(), "the first process has the only ledger"
    # What each process wrote is in the one checkpoint.
    checkpoint = first / "checkpoints" / "checkpoint-2"
    assert {f.name for f in checkpoint.glob("rng_state_*")} == {
        f.name for f in (one / "checkpoints" / "checkpoint-2").glob("rng_state_*")
    }
    # The first machine is as after step 2, the second one is new: they go on alike.
    shutil.rmtree(first / "checkpoints" / "checkpoint-4")
    shutil.rmtree(first / "spool")
    for name in ("result.json", "run.json", "mlruns.db"):  # else no point is logged twice
        (first / name).unlink()
    shutil.rmtree(second)
    two_machines(tmp_path)
    assert losses(first) == pytest.approx({k: expected[k] for k in (3, 4)}, rel=1e-6)
    assert list((tmp_path / "exchange").iterdir()) == []
