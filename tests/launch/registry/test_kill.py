"""Registration and promotion killed at any moment: what is there is told, and a second try ends with one."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from cvcore.cli.main import main
from launch.local import process
from launch.registry import shelf
from launch.registry.errors import RegistryError
from launch.registry.promote import history, promote, rollback
from launch.registry.registry import Registry
from panel_app.errands.errands import Errands
from panel_app.errands.files import ErrandFiles, ErrandState, Request

pytestmark = pytest.mark.slow

KILLED_IN = """
import os, signal, sys
from importlib import import_module
module, name, then = sys.argv[1:4]
setattr(import_module(module), name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
sys.argv = [then, *sys.argv[4:]]
sys.exit(import_module(then).main())
"""
"""Runs a module's `main` until it comes to a function: there it is killed."""


def killed_in(module: str, name: str, then: str, *words: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", KILLED_IN, module, name, then, *words],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def until(true: Callable[[], object], limit_s: float = 60) -> None:
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_killed_registration_is_done_again_to_one_version(
    make_run, state: Path, ledger_uri: str
) -> None:
    run = make_run(ledger_uri, "first", value=0.9)
    registry, errands = Registry(ledger_uri), Errands()
    arguments = {"run": str(run), "model": "digits", "latency": False, "num_images": 0}
    words = {"subject": "digits", "title": "t", "command": "c", "user": "ada"}

    # The errand alone is killed: what it had started must not go on and make a version of its own.
    first = errands.start("register", arguments, **words)
    errand = psutil.Process(process.pid_of(ErrandFiles(errands.root / first).process))
    until(errand.children)
    [child] = errand.children()
    errand.send_signal(signal.SIGKILL)
    until(lambda: errands.get(first).state is not ErrandState.RUNNING)
    lost = errands.get(first)
    assert lost.state is ErrandState.LOST
    assert lost.error.endswith("Start it again.")
    child.wait(60)
    assert not registry.models() or not registry.versions("digits")

    # The process that registers is killed when the version is there, and nothing that says what it is.
    run_id = registry.client.search_runs(
        [e.experiment_id for e in registry.client.search_experiments()]
    )[0]
    given = ["--as", "digits", "--uri", ledger_uri, "--run-id", run_id.info.run_id]
    registry.ensure("digits")
    killed_in(
        "cvcore.serve.register.publish", "_describe", "cvcore.serve.register.__main__",
        str(run / "best"), *given,
    )  # fmt: skip
    assert [v.version for v in registry.versions("digits")] == ["1"]
    with pytest.raises(RegistryError, match="half made"):
        promote(registry, "digits", "1")

    # An app that is killed before it could write down whom it has started: the errand says it itself.
    again = ErrandFiles(errands.root / "0000000000001-again")
    again.write_request(Request("register", {**arguments, "alias": "challenger"}, at=0.0, **words))
    started = subprocess.Popen([sys.executable, "-m", "panel_app.errands.run", str(again.folder)])
    until(lambda: again.process)
    assert again.read().state is ErrandState.RUNNING
    assert started.wait(120) == 0
    done = again.read()
    assert (done.state, done.result["version"]) == (ErrandState.DONE, "1")
    [version] = registry.versions("digits")
    assert version.aliases == ("challenger",)
    assert version.description.startswith("Classification, 10 classes")
    assert version.tags["lakesight_weights"] == shelf.facts_of(registry, version).weights
    assert version.tags["lakesight_by"] == "ada"
    assert len(registry.client.search_logged_models([run_id.info.experiment_id])) == 1


def test_a_killed_promotion_leaves_a_champion_that_can_go_back(
    make_run, quickly, ledger_uri: str, tmp_path: Path, state: Path
) -> None:
    gate = tmp_path / "gate.yaml"
    gate.write_text("size_mib: 100\n")
    registry = Registry(ledger_uri)
    run = make_run(ledger_uri, "first")
    for _ in range(3):
        quickly(run, ledger_uri, "digits")
    assert promote(registry, "digits", "1", policy=str(gate)).moved

    def command(*words: str) -> tuple[str, ...]:
        return ("cvcore.cli.main", "promote", "digits", *words, "--tracking-uri", ledger_uri)

    # The report is stored, the alias has not moved.
    killed_in("launch.registry.registry", "check_alias", *command("2", "--policy", str(gate)))
    assert registry.model("digits").aliases == {"champion": "1"}
    # The alias has moved, its history does not say so yet.
    killed_in("launch.registry.promote", "_remember", *command("2", "--policy", str(gate)))
    assert registry.model("digits").aliases == {"champion": "2"}
    assert not promote(registry, "digits", "2", policy=str(gate)).moved
    assert promote(registry, "digits", "3", policy=str(gate)).moved
    assert history(registry.model("digits")) == ["1", "2", "3"]
    # On the way back.
    killed_in("launch.registry.registry", "check_alias", *command("--rollback"))
    assert registry.model("digits").aliases == {"champion": "3"}
    assert rollback(registry, "digits").after == "2"
    assert rollback(registry, "digits").after == "1"


def test_a_killed_export_leaves_no_file_and_nothing_beside_the_next_one(
    make_run, ledger_uri: str, tmp_path: Path, state: Path
) -> None:
    run, errands = make_run(ledger_uri, "first"), Errands()
    arguments = {"run": str(run), "tracking_uri": ledger_uri, "file": "a.onnx", "num_images": 1}
    words = {"subject": "digits", "title": "t", "command": "c", "user": "ada"}

    # The errand alone: what it had started ends too, and takes away what it had begun.
    first = errands.start("export", arguments, **words)
    errand = psutil.Process(process.pid_of(ErrandFiles(errands.root / first).process))
    until(lambda: [*(errands.root / first).glob(".a.onnx.part-*")])
    [child] = errand.children()
    errand.send_signal(signal.SIGKILL)
    until(lambda: errands.get(first).state is not ErrandState.RUNNING)
    assert errands.get(first).state is ErrandState.LOST
    child.wait(60)
    assert not [*(errands.root / first).glob("*a.onnx*")]

    # The process that writes, when the graph is there and nobody knows yet whether it is right.
    export = ("cvcore.serve.onnx_export.export", "compare", "cvcore.serve.onnx_export.__main__")
    file = tmp_path / "a.onnx"
    killed_in(*export, str(run / "best"), str(file), "--images", "1")
    [left] = tmp_path.glob("*a.onnx*")
    assert left.name.startswith(".a.onnx.part-")
    assert main(["export", str(run), "--onnx", str(file), "--images", "1"]) == 0
    assert [*tmp_path.glob("*a.onnx*")] == [file]
