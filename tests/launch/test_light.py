"""The launcher never imports the training stack; its watcher hardly anything."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import launch

STACK = {"torch", "transformers", "deepspeed", "accelerate"}
HEAVY = STACK | {"mlflow", "hydra", "omegaconf", "numpy", "pandas", "yaml", "asyncio"}
OURS = [
    info.name
    for info in pkgutil.walk_packages(launch.__path__, "launch.")
    if info.name.split(".")[1] in {"base", "cli", "clock", "errors", "launchers", "ledger"}
    or info.name.split(".")[1] in {"local", "search", "stage", "states", "submit", "sweep", "watch"}
]
RUN = "import sys; {}; print(' '.join({{m.partition('.')[0] for m in sys.modules}}))"


def modules_after(statement: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(statement)], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_no_module_imports_the_training_stack() -> None:
    assert len(OURS) > 20
    assert not modules_after(f"import {', '.join(OURS)}, mlflow.tracking") & STACK


@pytest.mark.parametrize(
    "module", ["launch.local.supervisor", "launch.local.launcher", "launch.cli.submit"]
)
def test_what_runs_beside_every_training_is_light(module: str) -> None:
    assert not modules_after(f"import {module}") & HEAVY


def test_submitting_does_not_either(tmp_path) -> None:
    work = (
        "from cvcore.config.composer import load; from launch.stage import config_hash;"
        "import launch.submit, launch.watch; config_hash(load([]))"
    )
    assert not modules_after(work) & STACK
