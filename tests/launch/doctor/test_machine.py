"""Each local check tells a good machine from one with that fault, and says what mends it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import sqlite3
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest

from launch.cli import doctor
from launch.doctor import machine
from launch.doctor.run import CHECKS, examine

LOCAL = [check for check in CHECKS if check.where == "local"]


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "extensions"))
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


def found(key: str, *overrides: str):
    checks = [check for check in CHECKS if check.key == key]
    assert checks
    return examine([f"data.cache_dir={Path.cwd() / 'cache'}", *overrides], checks=checks)[0]


@pytest.mark.parametrize("check", LOCAL, ids=lambda check: check.key)
def test_a_good_machine_is_ok(check) -> None:
    if check.key in ("memory", "shared memory"):
        assert found(check.key).status in ("ok", "warn")
    else:
        assert found(check.key).status == "ok", found(check.key)


def test_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    finding = found("python")
    assert finding.status == "fail"
    assert "3.9.1" in finding.said
    assert finding.fix.startswith("python3.11 -m venv")


def test_packages_too_old_or_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "transformers":
            return "4.30.0"
        if name == "safetensors":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    finding = found("packages")
    assert finding.status == "fail"
    assert "transformers 4.30.0 (needs <6,>=5.20)" in finding.said
    assert "safetensors is not installed" in finding.said


def test_torch_and_torchvision_of_two_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"torch": "2.13.0+cpu", "torchvision": "0.28.0"}
    monkeypatch.setattr(importlib.metadata, "version", versions.__getitem__)
    finding = found("torch build")
    assert finding.status == "warn"
    assert "torch==2.13.0" in finding.fix


def test_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1 << 18}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    assert found("memory").status == "warn"


def test_little_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(64 << 20, 0, 64 << 20))
    assert found("shared memory").status == "warn"
    assert found("shared memory", "trainer.dataloader_num_workers=0").status == "ok"


def test_more_devices_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    two = [{"name": "T4", "capability": 7.5}] * 2
    monkeypatch.setattr(machine, "gpus_here", lambda: two)
    finding = found("devices", "compute.num_devices=4")
    assert finding.status == "fail"
    assert "2 here" in finding.fix
    assert found("devices", "compute.num_devices=2").status == "ok"
    assert found("precision", "trainer.precision=bf16").status == "fail"
    assert found("precision", "trainer.precision=fp16").status == "ok"
    monkeypatch.setattr(machine, "gpus_here", list)
    assert found("devices", "compute.num_devices=4").status == "warn"
    assert found("precision", "trainer.precision=fp16").status == "fail"


def test_a_lock_left_by_a_killed_build(tmp_path: Path) -> None:
    lock = tmp_path / "extensions" / "py311_cpu" / "cpu_adam" / "lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    assert found("torch extensions").status == "ok", "a build that has just begun"
    long_ago = time.time() - 7200
    os.utime(lock, (long_ago, long_ago))
    finding = found("torch extensions")
    assert finding.status == "fail"
    assert finding.fix == f"rm '{lock}'"


def test_a_proxy_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert found("loopback").status == "warn"
    monkeypatch.setenv("no_proxy", "example.com,127.0.0.1")
    assert found("loopback").status == "ok"


def test_a_configuration_that_does_not_compose() -> None:
    finding = found("configuration", "optim.learning_rte=1")
    assert finding.status == "fail"
    assert "learning_rate" in finding.said


def test_a_broken_recipe_in_the_conf_folder(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    (tmp_path / "mine" / "experiment" / "bad.yaml").write_text(
        "# @package _global_\noptim: {learning_rate: -1}\n"
    )
    monkeypatch.setenv("LAKESIGHT_CONF_PATH", str(tmp_path / "mine"))
    finding = found("conf folders")
    assert finding.status == "fail"
    assert "experiment=bad" in finding.said
    assert finding.fix.startswith("lakesight compose experiment=bad")


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    finding = found("run folder", f"run.dir={tmp_path}/file/run")
    assert finding.status == "fail"
    assert "run.dir" in finding.said
    assert (
        examine(
            [f"data.cache_dir={tmp_path}/file/c"], checks=[c for c in CHECKS if c.key == "cache"]
        )[0].status
        == "fail"
    )


def test_a_disk_that_is_nearly_full(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    for free, status in ((1 << 30, "fail"), (5 << 30, "warn"), (50 << 30, "ok")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage(100 << 30, 0, free))
        assert found("disk").status == status


def test_a_tracking_server_that_is_down() -> None:
    finding = found("tracking", "tracking.uri=http://127.0.0.1:9")
    assert finding.status == "fail"
    assert "mlflow server" in finding.fix


def test_data_and_ledger_that_a_cluster_cannot_reach(tmp_path: Path) -> None:
    compute = "compute=databricks_cluster"
    ledger = found("hand-over", compute)
    assert ledger.status == "fail"
    assert "can't be reached from Databricks" in ledger.said
    assert "tracking=databricks" in ledger.fix
    data = found(
        "hand-over", compute, "tracking.uri=databricks", "data=coco", f"data.root={tmp_path}"
    )
    assert data.status == "fail"
    assert "Copy it to a Volume" in data.said
    there = ["data=coco", "data.root=/Volumes/main/cv/data/cells"]
    assert found("hand-over", compute, "tracking.uri=databricks", *there).status == "ok"


def test_a_ledger_of_another_mlflow(tmp_path: Path) -> None:
    uri = f"tracking.uri=sqlite:///{tmp_path}/old.db"
    assert found("tracking", uri).status == "ok"
    assert found("tracking schema", uri).status == "ok"
    with sqlite3.connect(tmp_path / "old.db") as base:
        base.execute("UPDATE alembic_version SET version_num='451aebb31d03'")
    finding = found("tracking schema", uri)
    assert finding.status == "fail"
    assert f"mlflow db upgrade sqlite:///{tmp_path}/old.db" in finding.fix
    (tmp_path / "none.db").write_text("this is no database, whatever its name says")
    assert found("tracking schema", f"tracking.uri=sqlite:///{tmp_path}/none.db").status == "fail"


def test_json_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    import argparse

    parser = argparse.ArgumentParser()
    doctor.add_arguments(parser)
    assert doctor.run(parser.parse_args(["--json", "optim=nothing"])) == 1
    findings = json.loads(capsys.readouterr().out)
    by_key = {finding["key"]: finding for finding in findings}
    assert by_key["configuration"]["status"] == "fail"
    assert by_key["configuration"]["fix"]
    assert set(by_key) == {check.key for check in LOCAL}
