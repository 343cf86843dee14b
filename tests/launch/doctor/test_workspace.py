"""Each check of a workspace against the fake one, over the wire: good, and with that fault."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import create_autospec

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.service import jobs
from databricks.sdk.service.catalog import PermissionsChange, Privilege
from databricks.sdk.service.compute import ClusterSpec, GetSparkVersionsResponse, SparkVersion
from databricks.sdk.service.iam import AccessControlRequest, PermissionLevel

from launch.doctor.check import Context, Finding, look
from launch.doctor.run import CHECKS, examine
from launch.setup.run import setup
from launch.setup.wish import wish
from launch.workspace import FakeWorkspace

VOLUME = "/Volumes/main/cv/lakesight"
EXPERIMENT = "/Shared/lakesight"
CLUSTER = ["compute=databricks_cluster", f"tracking.experiment={EXPERIMENT}"]
SINGLE_NODE = {
    "spark_version": "17.3.x-gpu-ml-scala2.13",
    "node_type_id": "g5.xlarge",
    "num_workers": 0,
    "spark_conf": {"spark.databricks.cluster.profile": "singleNode", "spark.master": "local[*]"},
    "custom_tags": {"ResourceClass": "SingleNode"},
}
WORKSPACE = [check for check in CHECKS if check.where == "databricks"]


@dataclass
class Place:
    """A workspace that is set up for Ann, and clients of it."""

    ws: FakeWorkspace
    admin: WorkspaceClient
    ann: WorkspaceClient

    def findings(self, *overrides: str, client: Any = None) -> dict[str, Finding]:
        found = examine(overrides or CLUSTER, client or self.ann, checks=WORKSPACE)
        return {finding.key: finding for finding in found}

    def revoke(self, kind: str, name: str, *privileges: Privilege) -> None:
        change = PermissionsChange(principal="ann@example.com", remove=list(privileges))
        self.admin.grants.update(kind, name, changes=[change])

    def grant(self, kind: str, name: str, *privileges: Privilege) -> None:
        change = PermissionsChange(principal="ann@example.com", add=list(privileges))
        self.admin.grants.update(kind, name, changes=[change])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with FakeWorkspace(tmp_path_factory.mktemp("ws")) as ws:
        ann = ws.client(ws.add_user("ann@example.com"))
        admin = ws.client()
        steps = setup(admin, wish(VOLUME, EXPERIMENT, ("ann@example.com",)))
        assert all(step.status != "fail" for step in steps)
        yield Place(ws, admin, ann)


@pytest.fixture(autouse=True)
def _environment(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LAKESIGHT_VOLUME", VOLUME)
    monkeypatch.delenv("LAKESIGHT_APP", raising=False)
    yield
    place.ws.faults.clear()


def test_a_workspace_that_is_set_up_has_no_fail(place: Place) -> None:
    found = place.findings()
    assert {f.key for f in found.values() if f.status == "fail"} == set()
    assert found["identity"].said == "ann@example.com"
    for key in (
        "volume",
        "catalog grants",
        "schema grants",
        "volume grants",
        "experiment",
        "machines",
    ):
        assert found[key].status == "ok", found[key]
    files = place.admin.files.list_directory_contents(VOLUME)
    assert [f.name for f in files if "doctor" in f.name] == []


def test_credentials_that_are_refused(place: Place) -> None:
    stranger = place.ws.client("dapi-of-nobody")
    found = place.findings(client=stranger)
    assert found["identity"].status == "fail"
    assert "databricks auth login" in found["identity"].fix


@pytest.mark.parametrize("volume", ["", "main.cv.lakesight", "/mnt/data"])
def test_no_volume_is_named(place: Place, monkeypatch, volume: str) -> None:
    monkeypatch.setenv("LAKESIGHT_VOLUME", volume)
    found = place.findings()
    assert found["volume name"].status == "fail"
    assert "lakesight setup" in found["volume name"].fix
    assert found["volume"].status == "skipped"


@pytest.mark.parametrize(
    ("kind", "name", "privilege"),
    [
        ("catalog", "main", Privilege.USE_CATALOG),
        ("schema", "main.cv", Privilege.USE_SCHEMA),
        ("volume", "main.cv.lakesight", Privilege.READ_VOLUME),
        ("volume", "main.cv.lakesight", Privilege.WRITE_VOLUME),
    ],
)
def test_a_grant_that_is_missing(place: Place, kind: str, name: str, privilege: Privilege) -> None:
    place.revoke(kind, name, privilege)
    try:
        found = place.findings()
    finally:
        place.grant(kind, name, privilege)
    assert found[f"{kind} grants"].status == "fail", found
    assert found["volume"].status == "fail"
    words = privilege.value.replace("_", " ")
    finding = found[f"{kind} grants"]
    if "lacks" in finding.said:
        assert finding.fix == f"GRANT {words} ON {kind.upper()} {name} TO `ann@example.com`;"
    assert place.findings()[f"{kind} grants"].status == "ok"


def test_a_volume_that_is_gone(place: Place, monkeypatch) -> None:
    monkeypatch.setenv("LAKESIGHT_VOLUME", "/Volumes/main/cv/nothing")
    found = place.findings()
    assert found["volume"].status == "fail"
    assert "lakesight setup" in found["volume"].fix


def test_machines_and_runtimes_that_are_not_offered(place: Place) -> None:
    found = place.findings(
        *CLUSTER, "compute.node_type_id=g5.1xlarge", "compute.spark_version=12.0.x-gpu-ml-scala2.12"
    )
    assert found["machines"].status == "fail"
    assert "g5.12xlarge" in found["machines"].said
    assert found["runtime"].status == "fail"
    assert "-gpu-ml-" in found["runtime"].fix
    cpu = place.findings(
        *CLUSTER, "compute.node_type_id=i3.xlarge", "compute.spark_version=16.4.x-cpu-ml-scala2.12"
    )
    assert cpu["machines"].status == "fail"
    assert "not one with GPUs" in cpu["runtime"].said


def test_the_newest_runtime_is_by_number_not_by_letter() -> None:
    listed = [
        SparkVersion(key, f"{key} LTS ML (GPU)")
        for key in ("17.3.x-gpu-ml-scala2.13", "9.1.x-gpu-ml-scala2.12")
    ]
    client = create_autospec(WorkspaceClient, instance=True)
    client.clusters.spark_versions.return_value = GetSparkVersionsResponse(listed)
    check = next(check for check in WORKSPACE if check.key == "runtime")
    assert look(check, Context(None, client=client)).said == "17.3.x-gpu-ml-scala2.13"


def test_a_job_that_one_may_not_start(place: Place) -> None:
    task = jobs.Task(
        task_key="train",
        spark_python_task=jobs.SparkPythonTask(python_file="/Workspace/Shared/x.py"),
        new_cluster=ClusterSpec.from_dict(SINGLE_NODE),
    )
    spec = [jobs.JobParameterDefinition("spec", "")]
    job = place.admin.jobs.create(name="cv-train", tasks=[task], parameters=spec).job_id
    other = place.admin.jobs.create(name="not-ours", tasks=[task]).job_id
    overrides = ["compute=databricks_job", f"tracking.experiment={EXPERIMENT}"]
    assert place.findings(*overrides, "compute.job=nothing")["job"].status == "fail"
    refused = place.findings(*overrides, "compute.job=cv-train")["job"]
    assert refused.status == "fail"
    assert "databricks" in refused.fix
    request = AccessControlRequest(
        user_name="ann@example.com", permission_level=PermissionLevel.CAN_MANAGE_RUN
    )
    place.admin.permissions.update("jobs", str(job), access_control_list=[request])
    assert place.findings(*overrides, "compute.job=cv-train")["job"].status == "ok"
    place.admin.permissions.update("jobs", str(other), access_control_list=[request])
    wrong = place.findings(*overrides, "compute.job=not-ours")["job"]
    assert wrong.status == "fail"
    assert "not one of databricks.yml" in wrong.said
    assert place.findings(*overrides)["job"].said.startswith("no job that may be seen is for")


def test_no_right_to_create_clusters(place: Place) -> None:
    found = place.findings()["clusters"]
    assert found.status in ("ok", "warn")
    assert place.findings(client=place.admin)["clusters"].status == "ok"
    gone = place.findings(*CLUSTER, "compute.policy_id=ABC")["clusters"]
    assert gone.status == "fail"


def test_an_experiment_of_no_path_not_there_or_read_only(place: Place) -> None:
    finding = place.findings("compute=databricks_cluster")["experiment"]
    assert finding.status == "fail"
    assert "tracking.experiment=/Shared/lakesight" in finding.fix
    gone = place.findings("compute=databricks_cluster", "tracking.experiment=/Shared/none")
    assert gone["experiment"].status == "fail"
    place.admin.experiments.create_experiment("/Shared/others")
    refused = place.findings("compute=databricks_cluster", "tracking.experiment=/Shared/others")
    assert refused["experiment"].status == "fail"


def test_the_registry_needs_three_parts_and_create_model(place: Place) -> None:
    assert place.findings()["registry"].status == "skipped"
    assert place.findings(*CLUSTER, "registry.register_as=main.cv.cells")["registry"].status == "ok"
    short = place.findings(*CLUSTER, "registry.register_as=cells")["registry"]
    assert short.status == "fail"
    assert "catalog.schema.model" in short.said
    place.revoke("schema", "main.cv", Privilege.CREATE_MODEL)
    try:
        finding = place.findings(*CLUSTER, "registry.register_as=main.cv.cells")["registry"]
    finally:
        place.grant("schema", "main.cv", Privilege.CREATE_MODEL)
    assert finding.fix == "GRANT CREATE MODEL ON SCHEMA main.cv TO `ann@example.com`;"


def test_serving_that_refuses(place: Place) -> None:
    assert place.findings()["serving"].status == "ok"
    place.ws.faults.add("GET", "/api/2.0/serving-endpoints", times=-1, status=403)
    assert place.findings()["serving"].status == "fail"


def test_an_app_without_its_resources(place: Place, monkeypatch) -> None:
    assert place.findings()["app"].status == "skipped"
    monkeypatch.setenv("LAKESIGHT_APP", "studio")
    assert place.findings(client=place.admin)["app"].status == "fail"
    place.admin.api_client.do("POST", "/api/2.0/apps", body={"name": "studio"})
    finding = place.findings(client=place.admin)["app"]
    assert finding.status == "fail"
    assert "experiment, job, uc_securable" in finding.said
    assert "databricks bundle" in finding.fix


def test_a_workspace_that_is_down_is_a_line_each(place: Place) -> None:
    place.ws.faults.add("*", "*", times=-1, status=500)
    found = place.findings()
    assert found["identity"].status == "fail"
    assert all("Traceback" not in finding.said for finding in found.values())


def test_a_check_that_breaks_does_not_hide_the_others() -> None:
    context = Context(None, client=object())
    assert all(look(check, context).status in ("fail", "skipped") for check in WORKSPACE[:2])
