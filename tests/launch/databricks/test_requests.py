"""Bodies of requests, held to the bundle's own models, which refuse what the SDK would drop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest
from databricks.bundles.jobs import Job
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import PermissionDenied
from databricks.sdk.service.compute import (
    GetSparkVersionsResponse,
    ListNodeTypesResponse,
    NodeType,
    SparkVersion,
)
from databricks.sdk.service.iam import User
from databricks.sdk.service.jobs import SubmitTask

from cvcore.config.composer import load
from cvcore.metrics.mlflow_run import RunIdentity
from launch.base import RunSpec
from launch.databricks import nodes, runtimes, task
from launch.databricks.code import Code
from launch.errors import SubmitError
from launch.node.layout import NodeSpec, require_volume
from launch.stage import spec_of

VOLUME = "/Volumes/main/cv/runs"
CODE = Code("ab" * 32, b"", "deepspeed==0.19.8\n# a comment\ntransformers==5.23.0\n")


@pytest.fixture
def workspace() -> WorkspaceClient:
    """A workspace that answers what is asked before a submission."""
    client = create_autospec(WorkspaceClient, instance=True)
    client.config.is_azure = client.config.is_gcp = False
    client.clusters.list_node_types.return_value = ListNodeTypesResponse(
        [
            NodeType("g5.xlarge", 16384, 4, "", "", "", num_gpus=1),
            NodeType("g5.12xlarge", 196608, 48, "", "", "", num_gpus=4),
            NodeType("g4dn.12xlarge", 196608, 48, "", "", "", num_gpus=4, is_deprecated=True),
            NodeType("p4d.24xlarge", 1179648, 96, "", "", "", num_gpus=8),
            NodeType("m5d.xlarge", 16384, 4, "", "", ""),
        ]
    )
    client.clusters.spark_versions.return_value = GetSparkVersionsResponse(
        [
            SparkVersion("18.1.x-gpu-ml-scala2.13", "18.1 ML (GPU)"),
            SparkVersion("17.3.x-gpu-ml-scala2.13", "17.3 LTS ML (GPU)"),
            SparkVersion("16.4.x-gpu-ml-scala2.13", "16.4 LTS ML (GPU)"),
            SparkVersion("17.3.x-cpu-ml-scala2.13", "17.3 LTS ML"),
            SparkVersion("9.1.x-gpu-ml-scala2.12", "9.1 LTS ML (GPU)"),
        ]
    )
    client.current_user.me.return_value = User(user_name="ada@example.com")
    return client


def spec(*overrides: str, **more: Any) -> NodeSpec:
    config = load(["compute=databricks_cluster", *overrides])
    run = spec_of(
        config, Path("/tmp/run"), RunIdentity("r1", "databricks"), title="a run", user="ada@x.org"
    )
    return NodeSpec(run=run, volume=VOLUME, **more)


@pytest.fixture
def job_of(bundle_faults) -> Callable[[dict[str, Any]], Job]:
    """Return a request as a job of a bundle: its model refuses unknown fields and bad enums.

    So does the JSON schema of Databricks' command line, where there is one.
    """

    def make(request: dict[str, Any]) -> Job:
        body = body_of(request)
        if bundle_faults is not None:
            assert bundle_faults({"resources": {"jobs": {"train": body}}}) == []
        return Job.from_dict(body)

    return make


def body_of(request: dict[str, Any]) -> dict[str, Any]:
    body = {key: value for key, value in request.items() if key not in ONE_TIME}
    body["name"] = request["run_name"]
    body["queue"] = request["queue"].as_dict()
    body["tasks"] = [one.as_dict() for one in request["tasks"]]
    for key in ("environments",):
        if key in body:
            body[key] = [one.as_dict() for one in body[key]]
    for key in ("email_notifications", "webhook_notifications", "run_as"):
        if key in body:
            body[key] = body[key].as_dict()
    return body


ONE_TIME = ("run_name", "idempotency_token", "access_control_list")


def test_the_oracle_refuses_what_is_wrong(workspace, bundle_faults) -> None:
    if bundle_faults is not None:
        body = body_of(task.submit(workspace, spec(), CODE))
        body["tasks"][0]["new_cluster"]["num_worker"] = 1
        assert bundle_faults({"resources": {"jobs": {"train": body}}})
    with pytest.raises((TypeError, ValueError)):
        Job.from_dict({"name": "x", "tasks": [{"task_key": "a", "new_clusters": {}}]})


def test_a_cluster_has_what_was_asked_for_and_nothing_else(workspace, job_of) -> None:
    request = task.submit(workspace, spec("compute.num_devices=4"), CODE)
    job = job_of(request)
    assert job.name == "a run"
    one: SubmitTask = request["tasks"][0]
    assert one.as_dict() == {
        "task_key": "train",
        "max_retries": one.max_retries,
        "retry_on_timeout": False,
        **({"min_retry_interval_millis": 30000} if one.max_retries else {}),
        "python_wheel_task": {
            "package_name": "lakesight",
            "entry_point": "lakesight-node",
            "named_parameters": {
                "spec": f"{VOLUME}/runs/r1/spec-0.json",
                "job-run-id": "{{job.run_id}}",
            },
        },
        "libraries": [
            {"requirements": f"{VOLUME}/code/abababababababab/requirements.txt"},
            {"whl": f"{VOLUME}/code/abababababababab/lakesight-0.1.0-py3-none-any.whl"},
        ],
        "new_cluster": {
            "num_workers": 0,
            "spark_version": "17.3.x-gpu-ml-scala2.13",
            "node_type_id": "g5.12xlarge",
            "data_security_mode": "DATA_SECURITY_MODE_DEDICATED",
            "single_user_name": "ada@example.com",
            "aws_attributes": {
                "availability": "ON_DEMAND",
                "first_on_demand": 1,
                "zone_id": "auto",
            },
            "spark_conf": {
                "spark.databricks.cluster.profile": "singleNode",
                "spark.master": "local[*]",
            },
            "custom_tags": {
                "ResourceClass": "SingleNode",
                "lakesight_run": "r1",
                "lakesight_user": "ada@x.org",
            },
            "cluster_log_conf": {
                "volumes": {"destination": f"{VOLUME}/runs/r1/cluster_logs"},
            },
        },
    }
    assert request["queue"].enabled
    assert request["timeout_seconds"] > 0
    assert request["email_notifications"].on_failure == ["ada@x.org"]
    assert len(request["idempotency_token"]) == 64


def test_every_setting_of_a_cluster_arrives(workspace, job_of) -> None:
    request = task.submit(
        workspace,
        spec(
            "compute.node_type_id=g5.xlarge",
            "compute.spark_version=16.4.x-gpu-ml-scala2.13",
            "compute.policy_id=ABC",
            "compute.availability=SPOT_WITH_FALLBACK",
            "compute.aws_attributes.zone_id=eu-west-1a",
            "compute.docker_image={url:'ghcr.io/x/y:1'}",
            "compute.init_scripts=[{volumes:{destination:'/Volumes/main/cv/init.sh'}}]",
            "compute.spark_env_vars.NCCL_P2P_DISABLE='1'",
            "compute.custom_tags.team=cv",
            "compute.run_as={service_principal_name:0b1c}",
            "compute.access_control_list=[{group_name:cv,permission_level:CAN_VIEW}]",
            "compute.email_notifications.on_success=[a@b.c]",
            "compute.webhook_notifications.on_failure=[{id:w1}]",
            "compute.budget_policy_id=b1",
            "compute.max_retries=2",
            "compute.timeout_s=600",
            "compute.enable_elastic_disk=true",
        ),
        CODE,
    )
    job = job_of(request)
    cluster = request["tasks"][0].new_cluster.as_dict()
    assert cluster["aws_attributes"] == {
        "availability": "SPOT_WITH_FALLBACK",
        "first_on_demand": 0,
        "zone_id": "eu-west-1a",
    }
    assert cluster["policy_id"] == "ABC"
    assert cluster["apply_policy_default_values"] is True
    assert cluster["docker_image"] == {"url": "ghcr.io/x/y:1"}
    assert cluster["init_scripts"] == [{"volumes": {"destination": "/Volumes/main/cv/init.sh"}}]
    assert cluster["spark_env_vars"] == {"NCCL_P2P_DISABLE": "1"}
    assert cluster["custom_tags"]["team"] == "cv"
    assert cluster["single_user_name"] == "0b1c"
    assert cluster["enable_elastic_disk"] is True
    assert request["tasks"][0].max_retries == 2
    assert request["timeout_seconds"] >= 3 * 600
    assert job.run_as
    assert job.budget_policy_id == "b1"
    assert request["access_control_list"][0].permission_level.value == "CAN_VIEW"
    assert request["webhook_notifications"].on_failure[0].id == "w1"
    workspace.clusters.list_node_types.assert_not_called()


def test_several_machines_train_besides_the_driver(workspace, job_of) -> None:
    words = (
        "compute.num_workers=2",
        "compute.num_devices=8",
        "compute.driver_node_type_id=m5d.xlarge",
    )
    request = task.submit(workspace, spec(*words), CODE)
    job_of(request)
    cluster = request["tasks"][0].new_cluster
    assert (cluster.num_workers, cluster.node_type_id) == (2, "g5.12xlarge")
    assert cluster.driver_node_type_id == "m5d.xlarge"
    assert "ResourceClass" not in cluster.custom_tags
    assert not cluster.spark_conf
    with pytest.raises(SubmitError, match="spread evenly"):
        task.submit(workspace, spec("compute.num_workers=3", "compute.num_devices=8"), CODE)


def test_a_pool_says_which_machine(workspace) -> None:
    cluster = task.submit(workspace, spec("compute.instance_pool_id=p-1"), CODE)["tasks"][0]
    body = cluster.new_cluster.as_dict()
    assert body["instance_pool_id"] == "p-1"
    assert not {"node_type_id", "aws_attributes"} & set(body)


@pytest.mark.parametrize(
    ("cloud", "key", "value"),
    [
        ("is_azure", "azure_attributes", "SPOT_AZURE"),
        ("is_gcp", "gcp_attributes", "PREEMPTIBLE_GCP"),
    ],
)
def test_spot_machines_are_called_by_the_clouds_names(workspace, job_of, cloud, key, value) -> None:
    setattr(workspace.config, cloud, True)
    words = ("compute.availability=SPOT", "compute.node_type_id=x")
    request = task.submit(workspace, spec(*words), CODE)
    job_of(request)
    assert request["tasks"][0].new_cluster.as_dict()[key]["availability"] == value


def test_serverless_gpus_install_what_a_cluster_would(workspace, job_of) -> None:
    words = ("compute=databricks_serverless", "compute.hardware_accelerator=GPU_8xH100")
    request = task.submit(workspace, spec(*words, "compute.num_devices=8"), CODE)
    assert job_of(request).environments
    one = request["tasks"][0].as_dict()
    assert one["compute"] == {"hardware_accelerator": "GPU_8xH100"}
    assert "new_cluster" not in one
    assert "libraries" not in one
    environment = request["environments"][0].as_dict()
    assert environment["environment_key"] == one["environment_key"]
    assert environment["spec"]["environment_version"] == "4"
    assert environment["spec"]["dependencies"] == [
        f"{VOLUME}/code/abababababababab/lakesight-0.1.0-py3-none-any.whl",
        "deepspeed==0.19.8",
        "transformers==5.23.0",
    ]
    small = spec("compute=databricks_serverless", "compute.num_devices=2")
    with pytest.raises(SubmitError, match="GPU_1xA10 has 1 GPU"):
        task.submit(workspace, small, CODE)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("compute.aws_attributes.zone=auto", "zone is not known"),
        ("compute.docker_image={uri:x}", "uri is not known"),
        ("compute.init_scripts=[{volume:{destination:x}}]", r"init_scripts\[0\].volume is not"),
        ("compute.email_notifications.on_fail=[a]", "on_fail is not known"),
        ("compute.run_as={user:x}", "user is not known"),
        (
            "compute.access_control_list=[{group_name:x,permission_level:CAN_RUN}]",
            "permission_level is not known",
        ),
    ],
)
def test_a_key_the_platform_does_not_know_is_named(workspace, word: str, said: str) -> None:
    with pytest.raises(SubmitError, match=said):
        task.submit(workspace, spec("compute.node_type_id=g5.xlarge", word), CODE)


def test_run_now_gives_the_spec_and_nothing_of_the_cluster() -> None:
    request = task.run_now(spec("compute=databricks_job"), 7)
    assert set(request) == {"job_id", "job_parameters", "idempotency_token", "queue"}
    assert request["job_parameters"] == {"spec": f"{VOLUME}/runs/r1/spec-0.json"}


def test_each_generation_has_a_token_of_its_own() -> None:
    runs = [RunSpec("a", "", generation=g) for g in (0, 0, 1)] + [RunSpec("a0", "")]
    assert len({task.token(run) for run in runs}) == 3


class TestNodes:
    def test_the_smallest_that_fits(self, workspace) -> None:
        found = nodes.discover(workspace)
        assert nodes.choose(found, 1).node_type_id == "g5.xlarge"
        assert nodes.choose(found, 2).node_type_id == "g5.12xlarge"
        assert nodes.choose(found, 1, min_gpu_memory_gib=40).node_type_id == "p4d.24xlarge"
        assert nodes.choose(found, 1, gpu="a100").node_type_id == "p4d.24xlarge"
        assert nodes.choose(found, 0).node_type_id == "m5d.xlarge"

    def test_none_fits_says_what_there_is(self, workspace) -> None:
        with pytest.raises(SubmitError, match=r"8 GPUs H100.*g5.12xlarge \(4 x A10G\)"):
            nodes.choose(nodes.discover(workspace), 8, "H100")

    def test_without_an_answer_the_built_in_ones_are_taken(self, workspace) -> None:
        workspace.clusters.list_node_types.side_effect = PermissionDenied("no")
        workspace.config.is_azure = True
        assert nodes.choose(nodes.discover(workspace), 4).node_type_id == "Standard_NC64as_T4_v3"

    @pytest.mark.parametrize("cloud", ["aws", "azure", "gcp"])
    @pytest.mark.parametrize("num", [0, 1, 2, 4, 8])
    def test_every_cloud_has_a_machine(self, cloud: str, num: int) -> None:
        node = nodes.choose(nodes.BUILT_IN[cloud], num)
        assert node.num_gpus >= num
        assert bool(node.gpu) == bool(num), "each built-in machine with GPUs says which"


class TestRuntimes:
    def test_the_newest_long_term_one(self, workspace) -> None:
        assert runtimes.discover(workspace, gpu=True) == "17.3.x-gpu-ml-scala2.13"
        assert runtimes.discover(workspace, gpu=False) == "17.3.x-cpu-ml-scala2.13"

    def test_without_an_answer_the_built_in_one(self, workspace) -> None:
        workspace.clusters.spark_versions.side_effect = PermissionDenied("no")
        assert runtimes.discover(workspace, gpu=True) == runtimes.BUILT_IN[True]


@pytest.mark.parametrize(
    "path", [None, "", "/tmp/x", "/Volumes/a/b", "/Volumes/a/b/c/../d", "s3:x"]
)
def test_what_is_no_volume_is_refused(path: str | None) -> None:
    with pytest.raises(SubmitError, match="Volume"):
        require_volume(path)


@pytest.mark.parametrize("path", ["/Volumes/a/b/c", "/Volumes/a/b/c/d/", "dbfs:/Volumes/a/b/c"])
def test_a_volume_is_taken(path: str) -> None:
    assert require_volume(path).startswith("/Volumes/a/b/c")
