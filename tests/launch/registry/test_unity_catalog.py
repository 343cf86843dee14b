"""The same in Unity Catalog: MLflow's own `databricks-uc` client against the fake workspace."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from databricks.sdk.errors import PermissionDenied
from PIL import Image

from cvcore.cli.main import main
from cvcore.data.records import ImageRef
from cvcore.errors import ConfigError
from cvcore.serve.predictor import Predictor
from launch.registry.errors import RegistryError
from launch.registry.promote import history, last_verdict
from launch.registry.register import register
from launch.registry.registry import Registry
from launch.workspace import FakeWorkspace

mlflow = pytest.importorskip("mlflow")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm")]

NAME = "main.default.digits"


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWorkspace]:
    with FakeWorkspace(tmp_path / "ws") as ws:
        for name, value in ws.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
        yield ws


def test_register_gate_alias_and_load_in_unity_catalog(
    ws: FakeWorkspace, make_run, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run = make_run("databricks", "first", experiment="/Shared/lakesight")
    with pytest.raises(ConfigError, match=r"'digits' has 1 part.*catalog\.schema\.model"):
        register(str(run), "digits", latency=False, num_images=0)
    with pytest.raises(RegistryError, match=r"'main\.nowhere' does not exist"):
        register(str(run), "main.nowhere.digits", latency=False, num_images=0)

    done = register(
        str(run), "Main.Default.Digits", alias="challenger", tags={"team": "lab"},
        latency=False, num_images=0, by="ada@example.com",
    )  # fmt: skip
    assert (done.version.model, done.version.version, done.version.status) == (NAME, "1", "READY")
    assert done.version.aliases == ("challenger",)
    assert done.version.tags["lakesight_by"] == "ada@example.com"
    assert done.version.tags["team"] == "lab"
    # As the platform's own client sees it.
    client = ws.client()
    version = client.model_versions.get_by_alias(NAME, "challenger")
    assert version.version == 1
    assert version.run_id == done.facts.run_id

    policy = tmp_path / "gate.yaml"
    policy.write_text("max_drop: 0.0\nlicences: [Apache-2.0]\n")
    assert main(["promote", NAME, "challenger", "--policy", str(policy)]) == 0
    assert f"{NAME}@champion: version 1" in capsys.readouterr().out
    registry = Registry()
    assert registry.is_unity_catalog
    model = registry.model(NAME)
    assert dict(model.aliases) == {"challenger": "1", "champion": "1"}
    assert history(model) == ["1"]
    [listed] = registry.versions(NAME)
    verdict = last_verdict(registry, listed)
    assert verdict is not None
    assert verdict.passed

    # Whoever may not own the model moves no alias; nothing is half done.
    guest = ws.client(ws.add_user("guest@example.com"))
    with pytest.raises(PermissionDenied):
        guest.registered_models.set_alias(NAME, "champion", 1)

    mlflow.set_tracking_uri("databricks")
    mlflow.set_registry_uri("databricks-uc")
    buffer = io.BytesIO()
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(image).save(buffer, "PNG")
    loaded = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    frame = pd.DataFrame({"image": [base64.b64encode(buffer.getvalue()).decode()]})
    got = json.loads(loaded.predict(frame)["answer"][0])
    own = Predictor.load(run / "best", "cpu").answers([ImageRef(data=buffer.getvalue())])[0]
    assert got == own
