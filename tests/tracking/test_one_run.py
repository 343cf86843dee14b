"""One real training of a detector, whose whole entry in MLflow is looked at from outside."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import sysconfig
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
import train_jobs as jobs
from mlflow import MlflowClient
from mlflow.entities import Run

from cvcore.config.schema import Config
from cvcore.data.prepare import prepare
from cvcore.metrics.mlflow_run import flat
from cvcore.metrics.names import MEANINGS
from cvcore.serve.predictor import Predictor

ROOT = Path(__file__).parents[2]
STEPS = 8
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm")]


@dataclass(frozen=True)
class Trained:
    config: Config
    folder: Path
    client: MlflowClient
    run_id: str

    @property
    def run(self) -> Run:
        return self.client.get_run(self.run_id)

    def steps(self, key: str) -> list[int]:
        return [m.step for m in self.client.get_metric_history(self.run_id, key)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A training whose run was made before it started, as a launcher does."""
    folder = tmp_path_factory.mktemp("trained")
    overrides = [f"trainer.max_steps={STEPS}", "trainer.eval_steps=4", "trainer.logging_steps=2"]
    overrides += ["tracking.log_model=true", "monitoring.system_metrics=true"]
    overrides += ["monitoring.sample_interval_s=1"]
    config = jobs.make_config(folder, overrides, model="d_fine")
    client = MlflowClient(str(config.tracking.uri))
    config.run.id = client.create_run(_experiment(client), run_name="given").info.run_id
    assert jobs.run(config) == 0
    return Trained(config, folder / "run", client, config.run.id)


def _experiment(client: MlflowClient) -> str:
    experiment = client.get_experiment_by_name("lakesight")
    assert experiment is not None
    return str(experiment.experiment_id)


def test_the_given_run_is_the_only_one(trained: Trained) -> None:
    experiments = [e.experiment_id for e in trained.client.search_experiments()]
    runs = trained.client.search_runs(experiments)
    assert [r.info.run_id for r in runs] == [trained.run_id]
    assert trained.run.info.run_name == "given"
    assert trained.run.info.status == "FINISHED"
    assert trained.run.data.tags["lakesight.reason"] == "steps"


def test_parameters_are_the_whole_configuration(trained: Trained) -> None:
    assert trained.run.data.params == flat(asdict(trained.config))


def test_artifacts_say_what_ran(trained: Trained) -> None:
    def paths(folder: str | None = None) -> set[str]:
        return {a.path for a in trained.client.list_artifacts(trained.run_id, folder)}

    files = {"config.yaml", "overrides.yaml", "labels.json", "environment.json", "log.txt"}
    assert paths() == files | {"predictions", "report"}
    assert paths("predictions") == {"predictions/step_000004", "predictions/step_000008"}
    assert len(paths("predictions/step_000004")) == trained.config.tracking.num_images
    assert paths("report") == {"report/val", "report/test"}
    for split in ("val", "test"):
        assert f"report/{split}/report.json" in paths(f"report/{split}")


def test_the_data_set_is_the_input(trained: Trained) -> None:
    [given] = trained.run.inputs.dataset_inputs
    state = trained.folder / "checkpoints" / f"checkpoint-{STEPS}" / "lakesight_state.json"
    assert given.dataset.digest == json.loads(state.read_text())["fingerprint"]
    assert given.dataset.name == "digits"
    assert json.loads(given.dataset.source)["num_images"] == {"train": 48, "val": 10, "test": 10}


def test_names_are_the_documented_ones_and_steps_are_right(trained: Trained) -> None:
    metrics = set(trained.run.data.metrics)
    measured = {k for k in metrics if k.split("/")[0] not in ("val", "best", "test")}
    measured |= {"val/num_images"}
    expected = {k for k in MEANINGS if "gpu" not in k and k.partition("/")[2] not in _OF_GPU}
    assert measured == expected
    page = (ROOT / "docs" / "training.md").read_text()
    documented = set(re.findall(r"`([a-z_]+(?:/\w+)?)`", page))
    assert expected <= documented, expected - documented
    for key in expected - {"time/eval_s", "val/num_images"}:
        if not key.startswith("system/"):
            assert trained.steps(key) == [2, 4, 6, 8], key
    val = {k for k in metrics if k.startswith("val/")} | {"time/eval_s"}
    assert {"val/AP", "val/AP50"} < val
    assert all(trained.steps(key) == [4, 8] for key in val)
    final = {k for k in metrics if k.split("/")[0] in ("best", "test")}
    assert {"best/AP", "test/AP"} < final
    assert all(trained.steps(key) == [STEPS] for key in final)
    samples = trained.steps("system/cpu_pct")
    assert samples == list(range(1, len(samples) + 1))
    assert samples


_OF_GPU = ("allocated_gib", "reserved_gib")


def test_every_json_of_the_run_is_json(trained: Trained) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{file}: {constant}")

    files = sorted([*trained.folder.rglob("*.json"), *trained.folder.rglob("*.jsonl")])
    names = {file.name for file in files}
    assert {"result.json", "report.json", "lakesight.json", "entries.jsonl"} < names
    for file in files:
        lines = [file.read_text()]
        for line in file.read_text().splitlines() if file.suffix == ".jsonl" else lines:
            json.loads(line, parse_constant=refuse)


_LOAD = """
import json, sys
import mlflow
assert not any(name.split(".")[0] == "cvcore" for name in sys.modules)
model = mlflow.pyfunc.load_model(sys.argv[1])
import pandas as pd
images = pd.DataFrame(json.load(open(sys.argv[2])))
answers = list(model.predict(images, params={"score_threshold": 0.0})["answer"])
info = model.metadata
loaded = {n: m.__file__ for n, m in sys.modules.items() if n.split(".")[0] == "cvcore"}
json.dump({
    "answers": answers,
    "loaded": loaded,
    "inputs": info.signature.inputs.to_dict(),
    "outputs": info.signature.outputs.to_dict(),
    "example": len(info.load_input_example(mlflow.artifacts.download_artifacts(sys.argv[1]))),
}, open(sys.argv[3], "w"))
"""


@pytest.fixture(scope="module")
def elsewhere(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process says that has the installed packages, but neither the checkout nor Lakesight."""
    import base64

    folder = tmp_path_factory.mktemp("elsewhere")
    split = prepare(trained.config).splits["test"]
    images = [base64.b64encode(split[i].image.read()).decode() for i in range(3)]
    (folder / "images.json").write_text(json.dumps({"image": images}))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LAKESIGHT"))}
    environment["PYTHONPATH"] = sysconfig.get_path("purelib")
    environment["MLFLOW_TRACKING_URI"] = str(trained.config.tracking.uri)
    uri = trained.run.data.tags["lakesight.model_uri"]
    # -S: no .pth file puts the checkout on the path.
    done = subprocess.run(
        [sys.executable, "-S", "-c", _LOAD, uri, "images.json", "out.json"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {**json.loads((folder / "out.json").read_text()), "stderr": done.stderr}


def test_the_logged_model_predicts_as_the_best_model_does(
    trained: Trained, elsewhere: dict[str, Any]
) -> None:
    predictor = Predictor.load(trained.folder / "best", "cpu")
    split = prepare(trained.config).splits["test"]
    expected = predictor.answers([split[i].image for i in range(3)], 0.0)
    got = [json.loads(answer) for answer in elsewhere["answers"]]
    assert got[0]["objects"], "nothing to compare"
    assert _rounded(got) == _rounded(expected)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return pytest.approx(value, abs=1e-4)
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return value


def test_the_logged_model_brings_its_own_code_and_says_what_it_takes(
    trained: Trained,
    elsewhere: dict[str, Any],
) -> None:
    assert elsewhere["loaded"]
    # In the experiment of the run, and beside the run's own artifacts.
    model = trained.client.get_logged_model(trained.run.data.tags["lakesight.model_uri"][8:])
    assert model.experiment_id == trained.run.info.experiment_id
    assert model.source_run_id == trained.run_id
    assert model.status == "READY"
    assert not [f for f in elsewhere["loaded"].values() if f.startswith(str(ROOT))]
    assert [c["name"] for c in elsewhere["inputs"]] == ["image"]
    assert [c["name"] for c in elsewhere["outputs"]] == ["answer"]
    assert elsewhere["example"] == 1


def test_requirements_name_every_package_that_prediction_imports(
    trained: Trained, elsewhere: dict[str, Any]
) -> None:
    from importlib.metadata import packages_distributions

    from cvcore.serve.requirements import PACKAGES

    owner = packages_distributions()
    asked: set[str] = set()
    for name in elsewhere["loaded"]:
        path = ROOT / Path(*name.split("."))
        file = (
            path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
        )
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.Import):
                asked |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                asked.add(node.module.split(".")[0])
    asked -= set(sys.stdlib_module_names) | {"cvcore"}
    missing = {m for m in asked if not {_normal(d) for d in owner[m]} & set(PACKAGES)}
    assert asked
    assert not missing


def _normal(distribution: str) -> str:
    return distribution.lower().replace("_", "-")
