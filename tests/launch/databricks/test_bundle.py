"""databricks.yml, bundle/*.yml and app.yaml, held to the bundle's own models and to what we call."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from databricks.bundles.apps import App
from databricks.bundles.experiments import MlflowExperiment
from databricks.bundles.jobs import Job
from databricks.bundles.volumes import Volume
from databricks.sdk.service import apps

from launch.databricks import jobs, wheel
from launch.databricks.cluster import checked
from launch.node.layout import SPEC_PARAMETER

ROOT = Path(__file__).parents[3]
MODELS = {"jobs": Job, "volumes": Volume, "experiments": MlflowExperiment, "apps": App}


def bundle() -> dict[str, Any]:
    """Return the bundle with its included files, as the CLI merges them."""
    whole = yaml.safe_load((ROOT / "databricks.yml").read_text())
    for pattern in whole.pop("include"):
        for path in sorted(ROOT.glob(pattern)):
            for kind, items in yaml.safe_load(path.read_text())["resources"].items():
                whole.setdefault("resources", {}).setdefault(kind, {}).update(items)
    return whole


RESOURCES = [
    (kind, key, body)
    for kind, items in bundle()["resources"].items()
    for key, body in items.items()
]


@pytest.mark.parametrize(("kind", "key", "body"), RESOURCES, ids=lambda v: str(v)[:20])
def test_every_resource_is_one_of_the_bundles_models(kind: str, key: str, body: Any) -> None:
    MODELS[kind].from_dict(body)
    wrong = {**body, "not_a_field": 1}
    with pytest.raises(Exception, match="not_a_field"):
        MODELS[kind].from_dict(wrong)


def test_the_bundle_is_valid_for_the_commands_own_schema(bundle_faults) -> None:
    if bundle_faults is None:
        pytest.skip("DATABRICKS_BUNDLE_SCHEMA names no schema")
    assert bundle_faults(bundle()) == []
    wrong = copy.deepcopy(bundle())
    wrong["resources"]["apps"]["studio"]["valueFrom"] = "x"
    assert bundle_faults(wrong)


def test_references_lead_to_what_is_there() -> None:
    whole = bundle()
    text = json.dumps(whole)
    for kind, key in re.findall(r"\$\{resources\.(\w+)\.(\w+)\.", text):
        assert key in whole["resources"][kind], (kind, key)
    for name in re.findall(r"\$\{var\.(\w+)\}", text):
        assert name in whole["variables"], name
    for name in whole["variables"]:
        assert f"${{var.{name}}}" in text, f"variable {name} does nothing"


def test_the_app_keeps_its_right_to_run_the_jobs_on_the_second_deploy() -> None:
    whole = bundle()
    principal = "${resources.apps.studio.service_principal_client_id}"
    bound = {
        r["job"]["id"] for r in whole["resources"]["apps"]["studio"]["resources"] if "job" in r
    }
    for key, job in whole["resources"]["jobs"].items():
        assert f"${{resources.jobs.{key}.id}}" in bound
        assert {"level": "CAN_MANAGE_RUN", "service_principal_name": principal} in job[
            "permissions"
        ]


def test_the_app_may_read_and_write_the_volumes() -> None:
    bindings = bundle()["resources"]["apps"]["studio"]["resources"]
    for volume in ("runs", "data"):
        rights = {
            b["uc_securable"]["permission"]
            for b in bindings
            if "uc_securable" in b and f".{volume}." in b["uc_securable"]["securable_full_name"]
        }
        assert rights == {"READ_VOLUME", "WRITE_VOLUME"}
    for binding in bindings:
        checked(apps.AppResource, binding, "resources")


def test_jobs_call_the_entry_point_that_the_wheel_has() -> None:
    for job in bundle()["resources"]["jobs"].values():
        (task,) = job["tasks"]
        called = task["python_wheel_task"]
        assert called["entry_point"] == wheel.ENTRY_POINT
        assert called["package_name"] == wheel.PACKAGE_NAME
        assert {p["name"] for p in job["parameters"]} == {SPEC_PARAMETER}
        assert job["tags"][jobs.GPUS_TAG].isdigit()
        paths = [path for library in task["libraries"] for path in library.values()]
        assert paths == ["../launch/databricks/requirements.txt", "../dist/*.whl"]
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts[wheel.ENTRY_POINT] == "launch.node.main:main"


def test_the_app_starts_with_words_not_a_shell_and_with_resources_that_are_bound() -> None:
    app = yaml.safe_load((ROOT / "app.yaml").read_text())
    assert set(app) == {"command", "env"}
    assert app["command"][:2] == ["python", "-m"]
    assert not any(sign in word for word in app["command"] for sign in "&|;<>")
    bound = {r["name"] for r in bundle()["resources"]["apps"]["studio"]["resources"]}
    names = [item["name"] for item in app["env"]]
    assert len(set(names)) == len(names)
    for item in app["env"]:
        assert set(item) in ({"name", "value"}, {"name", "valueFrom"})
        assert item.get("valueFrom", "runs") in bound
        # The platform gives these.
        assert not item["name"].startswith("DATABRICKS_")
    assert "config" not in bundle()["resources"]["apps"]["studio"], (
        "it would replace app.yaml's env"
    )


def test_dev_and_prod_are_there() -> None:
    targets = bundle()["targets"]
    assert targets["dev"]["mode"] == "development"
    assert targets["dev"]["default"] is True
    assert targets["prod"]["mode"] == "production"
    assert targets["prod"]["workspace"]["root_path"].startswith("/Workspace/Shared/")
