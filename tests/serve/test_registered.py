"""A registered version loads where Lakesight is not installed, and answers as the saved model does."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cvcore.config.schema.data import TASKS
from cvcore.data.records import ImageRef
from cvcore.errors import ConfigError
from cvcore.serve.predictor import Predictor
from cvcore.serve.register.names import check_alias, check_name
from cvcore.serve.register.publish import folder_of, publish

pytestmark = pytest.mark.usefixtures("warm")

_LOAD = """
import json, sys
import mlflow, pandas as pd
assert not any(name.split(".")[0] == "cvcore" for name in sys.modules)
images = pd.DataFrame(json.load(open("images.json")))
out = {}
for kind in sys.argv[1:]:
    model = mlflow.pyfunc.load_model(f"models:/{kind}@fresh")
    out[kind] = list(model.predict(images, params={"score_threshold": 0.0})["answer"])
import cvcore
json.dump({"answers": out, "code": cvcore.__file__}, open("out.json", "w"))
"""


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/registry.db"


@pytest.mark.slow
def test_a_version_of_each_task_predicts_in_a_clean_process(
    saved: Callable[[str], Path],
    images: list[NDArray[np.uint8]],
    uri: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    client = mlflow.MlflowClient(uri)
    encoded = []
    for image in images:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        encoded.append(buffer.getvalue())
    expected: dict[str, Any] = {}
    for kind in TASKS:
        run = client.create_run("0")
        client.set_terminated(run.info.run_id)
        made = publish(saved(kind), uri, run.info.run_id, kind)
        client.set_registered_model_alias(kind, "fresh", made.version)
        version = client.get_model_version(kind, made.version)
        assert version.run_id == run.info.run_id
        assert version.tags["lakesight_task"] == kind
        assert version.description.endswith("Licence of the weights: Apache-2.0.")
        files = {f.path for f in client.list_artifacts(run.info.run_id, folder_of(kind, "1"))}
        assert {Path(f).name for f in files} == {"facts.json", "MODEL_CARD.md"}
        assert client.get_run(run.info.run_id).info.status == "FINISHED"
        refs = [ImageRef(data=data) for data in encoded]
        expected[kind] = Predictor.load(saved(kind), "cpu").answers(refs, 0.0)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    texts = [base64.b64encode(data).decode() for data in encoded]
    (elsewhere / "images.json").write_text(json.dumps({"image": texts}))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LAKESIGHT"))}
    environment |= {"PYTHONPATH": sysconfig.get_path("purelib"), "MLFLOW_TRACKING_URI": uri}
    # -S: no .pth file puts the checkout on the path.
    done = subprocess.run(
        [sys.executable, "-S", "-c", _LOAD, *TASKS],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((elsewhere / "out.json").read_text())
    assert "/code/" in found["code"], "the code came with the model"
    for kind in TASKS:
        got = [json.loads(answer) for answer in found["answers"][kind]]
        assert got == expected[kind], kind
    shutil.rmtree(tmp_path / "mlruns", ignore_errors=True)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cells", r"'cells' has 1 part; .* catalog.schema.model"),
        ("a.b.c.d", "has 4 parts"),
        ("main.my vision.cells", "the schema 'my vision'"),
        ("main.vision.", "the model ''"),
        ("main.vision.a/b", "the model 'a/b'"),
    ],
)
def test_a_name_that_unity_catalog_does_not_take_is_refused_in_words(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_name(name, unity_catalog=True)


def test_names_and_aliases() -> None:
    assert check_name("Main.Vision.Cells", unity_catalog=True) == "main.vision.cells"
    assert check_name("Cells", unity_catalog=False) == "Cells"
    for bad in ("a b", "", "a/b", "a:b", "a..b"):
        with pytest.raises(ConfigError, match="can't be the name"):
            check_name(bad, unity_catalog=False)
    assert check_alias("champion") == "champion"
    for bad in ("v3", "latest", "1st", "a.b", ""):
        with pytest.raises(ConfigError, match="can't be an alias"):
            check_alias(bad)
