"""Schemas of the group `compute` beyond one machine: Databricks in three ways, and plain clusters.

Keys are the names of the Jobs API and of its ClusterSpec; nested ones are passed on unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cvcore.config.schema.info import opt
from cvcore.config.schema.platform import ComputeConf

ACCELERATORS = ("GPU_1xA10", "GPU_1xH100", "GPU_8xH100", "GPU_8xB300")
"""Serverless GPUs of the Jobs API; the number is GPUs per node."""


@dataclass
class DatabricksConf(ComputeConf):
    """What every way to run on Databricks has."""

    kind: str = "databricks"
    way: str = opt(
        "cluster",
        "A job that a bundle has deployed, a new job cluster for this run, or serverless GPUs.",
        choices=("job", "cluster", "serverless"),
        advanced=True,
    )
    volume: str | None = opt(
        None,
        "Folder on a Volume, /Volumes/catalog/schema/volume[/folder], for code, checkpoints and "
        "logs; null: LAKESIGHT_VOLUME.",
    )
    profile: str | None = opt(
        None,
        "Profile of ~/.databrickscfg; null: the environment's credentials.",
        advanced=True,
    )
    local_dir: str = opt(
        "/local_disk0/lakesight", "Folder on the node's own disk to work in.", advanced=True
    )


@dataclass
class DatabricksJobConf(DatabricksConf):
    """A job deployed by the bundle; the submitter needs CAN_MANAGE_RUN on it and nothing else."""

    way: str = "job"
    job: str | None = opt(
        None,
        "Id or name of the job; null: the one whose tag lakesight_gpus is compute.num_devices.",
    )


@dataclass
class NewRunConf(DatabricksConf):
    """A one-time run with the submitter's own rights."""

    run_as: dict[str, str] = opt(
        {}, "Who it runs as: {service_principal_name: ...}; empty: the submitter.", advanced=True
    )
    access_control_list: list[dict[str, str]] = opt(
        [],
        "Who may see and manage it: [{group_name: ..., permission_level: CAN_VIEW}].",
        advanced=True,
    )
    email_notifications: dict[str, list[str]] = opt(
        {}, "Mail: {on_failure: [a@b.c]}; empty: to the submitter on failure.", advanced=True
    )
    webhook_notifications: dict[str, list[dict[str, str]]] = opt(
        {}, "Webhooks: {on_failure: [{id: <notification destination>}]}.", advanced=True
    )
    budget_policy_id: str | None = opt(None, "Budget policy that it counts for.", advanced=True)


@dataclass
class DatabricksClusterConf(NewRunConf):
    """A new job cluster; it ends with the run."""

    way: str = "cluster"
    node_type_id: str | None = opt(
        None, "Machine, e.g. g5.12xlarge; null: the smallest that has what is asked for below."
    )
    gpu: str | None = opt(None, "GPU to choose the machine by: T4, A10G, L4, A100, H100.")
    min_gpu_memory_gib: float = opt(
        0.0, "Least memory of each GPU to choose the machine by.", unit="GiB", bounds=(0, 1024)
    )
    spark_version: str | None = opt(
        None, "Runtime, e.g. 17.3.x-gpu-ml-scala2.13; null: the newest long-term one with GPUs."
    )
    num_workers: int = opt(
        0,
        "Machines that train besides the driver, which then does not; 0: the driver alone trains.",
        bounds=(0, 128),
    )
    driver_node_type_id: str | None = opt(
        None, "Driver's machine where workers train; null: the same.", advanced=True
    )
    policy_id: str | None = opt(None, "Cluster policy; needed without the right to create any.")
    instance_pool_id: str | None = opt(
        None, "Pool to take machines from, instead of node_type_id.", advanced=True
    )
    driver_instance_pool_id: str | None = opt(None, "Pool of the driver.", advanced=True)
    data_security_mode: str = opt(
        "DATA_SECURITY_MODE_DEDICATED",
        "Access mode; GPUs need the dedicated one.",
        choices=("DATA_SECURITY_MODE_DEDICATED", "SINGLE_USER", "DATA_SECURITY_MODE_AUTO"),
        advanced=True,
    )
    single_user_name: str | None = opt(
        None, "Whose dedicated cluster; null: run_as, else the submitter.", advanced=True
    )
    availability: str = opt(
        "ON_DEMAND",
        "Machines of one's own, spot ones that can be taken away, or spot and then own ones.",
        choices=("ON_DEMAND", "SPOT", "SPOT_WITH_FALLBACK"),
    )
    aws_attributes: dict[str, Any] = opt({}, "ClusterSpec.aws_attributes.", advanced=True)
    azure_attributes: dict[str, Any] = opt({}, "ClusterSpec.azure_attributes.", advanced=True)
    gcp_attributes: dict[str, Any] = opt({}, "ClusterSpec.gcp_attributes.", advanced=True)
    docker_image: dict[str, Any] = opt(
        {}, "Image to run in: {url: ..., basic_auth: {...}}.", advanced=True
    )
    init_scripts: list[dict[str, Any]] = opt(
        [], "Scripts at the start: [{volumes: {destination: /Volumes/...}}].", advanced=True
    )
    spark_conf: dict[str, str] = opt({}, "Spark settings.", advanced=True)
    spark_env_vars: dict[str, str] = opt(
        {}, "Environment variables; secrets as {{secrets/scope/key}}.", advanced=True
    )
    custom_tags: dict[str, str] = opt({}, "Tags of the cluster, e.g. for costs.")
    cluster_log_conf: dict[str, Any] = opt(
        {}, "Where cluster logs go; empty: into the run's folder on the Volume.", advanced=True
    )
    enable_elastic_disk: bool | None = opt(
        None, "Let local disks grow; null: the platform decides.", advanced=True
    )


@dataclass
class DatabricksServerlessConf(NewRunConf):
    """Serverless GPUs (AI Runtime): no cluster to start. A preview of the platform."""

    way: str = "serverless"
    hardware_accelerator: str = opt("GPU_1xA10", "GPUs per node.", choices=ACCELERATORS)
    environment_version: str = opt("4", "Version of the serverless environment.", advanced=True)
    local_dir: str = "/tmp/lakesight"  # noqa: S108 (the only disk such a node has)


@dataclass
class HostfileConf(ComputeConf):
    """Machines that ssh reaches and that share a file system: DeepSpeed's own launcher."""

    kind: str = "hostfile"
    hostfile: str = opt("hostfile", "DeepSpeed's list of machines: `<host> slots=<GPUs>` per line.")
    include: str | None = opt(None, "Only these, e.g. node1@node2:0,2.", advanced=True)
    exclude: str | None = opt(None, "All but these, e.g. node3.", advanced=True)
    master_addr: str | None = opt(
        None, "Address of the first machine as the others see it; null: asked from it."
    )
    master_port: int = opt(
        29500, "Its port for the training.", bounds=(1024, 65_535), advanced=True
    )
    ssh_port: int | None = opt(None, "Port of ssh.", bounds=(1, 65_535), advanced=True)
    launcher_args: list[str] = opt(
        [], "Further words for `deepspeed`, e.g. --launcher=openmpi.", advanced=True
    )


COMPUTE_SCHEMAS: dict[str, type[ComputeConf]] = {
    "local": ComputeConf,
    "hostfile": HostfileConf,
    "databricks_job": DatabricksJobConf,
    "databricks_cluster": DatabricksClusterConf,
    "databricks_serverless": DatabricksServerlessConf,
}
"""Option of the group `compute` -> the schema of its keys."""


def compute_schema(values: Mapping[str, Any]) -> type[ComputeConf]:
    """Return the schema that the values of a group `compute` are of."""
    kind = str(values.get("kind", "local"))
    if kind == "databricks":
        return COMPUTE_SCHEMAS.get(f"{kind}_{values.get('way')}", DatabricksConf)
    return COMPUTE_SCHEMAS.get(kind, ComputeConf)
