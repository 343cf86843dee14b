"""A training on several workers: the driver gets curves and result, the workers need no credentials."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cvcore.config.composer import load
from cvcore.data.places import MOUNTS_VARIABLE
from cvcore.train import frozen
from launch.base import RunSpec
from launch.node import distributor
from launch.node.command import free_port
from launch.node.layout import NodeSpec
from launch.node.mirror import Publisher, Subscriber
from launch.node.process import Sink

pytestmark = pytest.mark.usefixtures("warm")

VOLUME = "/Volumes/main/cv/runs"
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


class TwoWorkers:
    """Stands in for DeepspeedTorchDistributor: starts what it starts, on loopback."""

    def __init__(self, numGpus: int, nnodes: int, localMode: bool, useGpu: bool) -> None:
        assert (nnodes, localMode, useGpu) == (2, False, True)
        self.num = numGpus

    def run(self, path: str, *words: str) -> None:
        port, running = free_port(), []
        for rank in range(2):
            command = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2"]
            command += [f"--nproc_per_node={self.num}", f"--node_rank={rank}"]
            command += ["--master_addr=127.0.0.1", f"--master_port={port}", path, *words]
            # Each worker has a disk of its own, at the same path.
            disk = os.environ[MOUNTS_VARIABLE] + f":/local_disk0={self.disk}/{rank}"
            running.append(
                subprocess.Popen(
                    [*command, "--deepspeed"],
                    env={**os.environ, MOUNTS_VARIABLE: disk},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
        try:
            said = [one.communicate(timeout=120)[0] for one in running]
        finally:
            for one in running:
                one.kill()
        sys.stdout.write("".join(said))
        if any(one.returncode for one in running):
            raise RuntimeError("Command failed with return code 1")


@pytest.mark.slow
def test_two_workers_train_and_the_driver_has_their_curves(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(MOUNTS_VARIABLE, f"/Volumes={tmp_path}/Volumes")
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    monkeypatch.setattr(TwoWorkers, "disk", tmp_path, raising=False)
    run = RunSpec("r1", "/submitter/r1", num_devices=2, use_cpu=True, tracking_uri="databricks")
    spec = NodeSpec(run=run, volume=VOLUME, num_nodes=2, gpus_per_node=1)
    files = Path(f"{tmp_path}{spec.folder.files(0)}")
    files.mkdir(parents=True)
    frozen.save(load(RUN), files / "config.yaml")
    frozen.write_overrides(files, RUN)
    Path(f"{tmp_path}{spec.folder.spec(0)}").write_text(json.dumps(spec.to_dict()))
    folder = tmp_path / "driver"
    said = bytearray()
    sink = Sink(folder / "output.log", said.extend)
    code = distributor.train_on_all(spec, folder, 1, sink, lambda: False, TwoWorkers)
    assert code == 0, said.decode()
    entries = [json.loads(x) for x in (folder / "spool/entries.jsonl").read_text().splitlines()]
    assert [e["step"] for e in entries if e.get("key") == "train/loss"] == [1, 2, 3, 4]
    assert entries[-1] == {"kind": "status", "status": "FINISHED"}
    for entry in entries:
        if entry["kind"] == "artifact":
            assert (folder / entry["path"]).exists()
    assert json.loads((folder / "result.json").read_text())["step"] == 4
    durable = Path(f"{tmp_path}{spec.folder.durable}")
    assert (durable / "checkpoints" / "checkpoint-4" / "rng_state_1.pth").is_file()
    assert not list(Path(f"{tmp_path}{spec.folder.path}").glob("exchange-*"))
    again = replace(spec, num_nodes=2)
    assert NodeSpec.from_dict(json.loads(json.dumps(again.to_dict()))) == spec


def test_a_failing_cluster_is_a_failure_with_its_words(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(MOUNTS_VARIABLE, f"/Volumes={tmp_path}/Volumes")

    class Failing(TwoWorkers):
        def run(self, path: str, *words: str) -> None:
            raise RuntimeError("barrier stage was cancelled")

    spec = NodeSpec(run=RunSpec("r1", "/x"), volume=VOLUME, num_nodes=2)
    said = bytearray()
    sink = Sink(tmp_path / "driver" / "output.log", said.extend)
    code = distributor.train_on_all(spec, tmp_path / "driver", 1, sink, lambda: False, Failing)
    assert code == 1
    assert "barrier stage was cancelled" in said.decode()


def test_what_is_spooled_arrives_whole_and_in_order(tmp_path) -> None:
    source, shared, target = (tmp_path / name for name in ("source", "shared", "target"))
    (source / "spool").mkdir(parents=True)
    (target / "spool").mkdir(parents=True)
    (target / "spool" / "entries.jsonl").write_text('{"kind": "earlier"}\n')
    publisher, subscriber = Publisher(source, shared, 0.02), Subscriber(shared, target, 0.02)
    (source / "labels.json").write_text("{}")
    with (source / "spool" / "entries.jsonl").open("a") as file:
        for number in range(50):
            file.write(json.dumps({"kind": "metric", "step": number}) + "\n")
            file.flush()
        file.write('{"kind": "artifact", "path": "labels.json"}\n{"torn')
    publisher.close()
    subscriber.close()
    lines = (target / "spool" / "entries.jsonl").read_text().splitlines()
    assert [json.loads(line).get("step") for line in lines[1:-1]] == list(range(50))
    assert json.loads(lines[-1])["kind"] == "artifact"
    assert (target / "labels.json").read_text() == "{}"
