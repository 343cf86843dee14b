"""Models to serve: a stub that loads in a moment, and a micro model with random weights."""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

from launch.serving.local.endpoints import LocalEndpoints

STUB = Path(__file__).with_name("stub_model.py")


def _grey() -> str:
    spec = importlib.util.spec_from_file_location("stub_model", STUB)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.GREY)


@pytest.fixture(scope="session")
def picture() -> bytes:
    """A PNG of 12 x 8."""
    return base64.b64decode(_grey())


@pytest.fixture(scope="session")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function: what the model calls itself -> the folder of an MLflow model."""
    base = tmp_path_factory.mktemp("stubs")

    return lambda name: save_stub(base, name)


def save_stub(base: Path, name: str) -> Path:
    """Write an MLflow model that calls itself so below a folder, and return where."""
    folder = base / name
    if not folder.exists():
        file = base / f"{name}.txt"
        file.write_text(name)
        signature = ModelSignature(
            inputs=Schema([ColSpec(DataType.string, "image")]),
            outputs=Schema([ColSpec(DataType.string, "answer")]),
        )
        mlflow.pyfunc.save_model(
            path=str(folder),
            python_model=str(STUB),
            artifacts={"name": str(file)},
            signature=signature,
            pip_requirements=["mlflow"],
        )
    return folder


@pytest.fixture
def registered(ledger_uri: str, stub: Callable[[str], Path]) -> str:
    """Three versions of the registered model `parts`: v1, v2 (champion) and a broken one."""
    client = mlflow.MlflowClient(ledger_uri)
    client.create_registered_model("parts")
    for name in ("v1", "v2", "broken"):
        client.create_model_version("parts", str(stub(name)))
    client.set_registered_model_alias("parts", "champion", "2")
    return "parts"


@pytest.fixture
def endpoints(state: Path) -> Iterator[LocalEndpoints]:
    """This test's endpoints; every process of theirs is ended."""
    made = LocalEndpoints()
    yield made
    for endpoint in made.all():
        with contextlib.suppress(Exception):
            made.delete(endpoint.name)
    shutil.rmtree(made.root, ignore_errors=True)
