"""The ClusterSpec of a run, from the keys of `compute` that have its names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.compute import ClusterSpec

from cvcore.errors import did_you_mean
from launch.base import RunSpec
from launch.databricks import nodes, runtimes
from launch.errors import SubmitError

_SINGLE_NODE = {
    "spark_conf": {"spark.databricks.cluster.profile": "singleNode", "spark.master": "local[*]"},
    "custom_tags": {"ResourceClass": "SingleNode"},
}
"""What the platform wants of a cluster without workers."""

_PASSED_ON = (
    "policy_id",
    "instance_pool_id",
    "driver_instance_pool_id",
    "docker_image",
    "init_scripts",
    "spark_env_vars",
    "enable_elastic_disk",
    "data_security_mode",
)
_AVAILABILITY = {
    "aws": ("ON_DEMAND", "SPOT", "SPOT_WITH_FALLBACK"),
    "azure": ("ON_DEMAND_AZURE", "SPOT_AZURE", "SPOT_WITH_FALLBACK_AZURE"),
    "gcp": ("ON_DEMAND_GCP", "PREEMPTIBLE_GCP", "PREEMPTIBLE_WITH_FALLBACK_GCP"),
}
_MAX_TAGS = 40  # the platform takes 45; some are its own
_TAG_LENGTH = 255


@dataclass(frozen=True)
class Machines:
    """How a run is spread.

    Attributes:
        num_nodes: machines that train.
        gpus_per_node: processes on each; 0: one for every GPU.
    """

    num_nodes: int
    gpus_per_node: int


def machines(spec: RunSpec) -> Machines:
    """Return how a run is spread over machines.

    Raises:
        SubmitError: the devices can't be spread evenly.
    """
    workers, devices = int(spec.compute.get("num_workers") or 0), spec.num_devices
    if not workers:
        return Machines(1, devices)
    if devices % workers or not devices:
        raise SubmitError(
            f"compute.num_devices={devices} can't be spread evenly over compute.num_workers="
            f"{workers} machines. Give a multiple of it: the GPUs of all machines together."
        )
    return Machines(workers, devices // workers)


def cluster(client: WorkspaceClient, spec: RunSpec, logs: str) -> ClusterSpec:
    """Return the cluster of a run.

    Args:
        client: of the workspace; asked for machines, runtimes and who asks.
        spec: of the run.
        logs: where cluster logs go unless the run says otherwise.

    Raises:
        SubmitError: no such machine, or a key that the platform does not know.
        DatabricksError: the workspace does not answer.
    """
    conf, workers = spec.compute, int(spec.compute.get("num_workers") or 0)
    body: dict[str, Any] = {"num_workers": workers}
    body |= {key: conf[key] for key in _PASSED_ON if conf.get(key)}
    body["spark_version"] = conf.get("spark_version") or runtimes.discover(
        client, gpu=not spec.use_cpu
    )
    if not conf.get("instance_pool_id"):
        body["node_type_id"] = conf.get("node_type_id") or _node_type(client, spec)
        body |= _bought(nodes.cloud_of(client), conf)
        if workers and conf.get("driver_node_type_id"):
            body["driver_node_type_id"] = conf["driver_node_type_id"]
    if conf.get("policy_id"):
        body["apply_policy_default_values"] = True
    body["single_user_name"] = (
        conf.get("single_user_name") or _who(conf) or client.current_user.me().user_name
    )
    single = {} if workers else _SINGLE_NODE
    body["spark_conf"] = {**single.get("spark_conf", {}), **(conf.get("spark_conf") or {})}
    body["custom_tags"] = single.get("custom_tags", {}) | _tags(spec)
    log_conf = conf.get("cluster_log_conf") or {"volumes": {"destination": logs}}
    body["cluster_log_conf"] = log_conf
    return checked(ClusterSpec, {key: v for key, v in body.items() if v != {}}, "compute")


def _node_type(client: WorkspaceClient, spec: RunSpec) -> str:
    per_node = 0 if spec.use_cpu else max(machines(spec).gpus_per_node, 1)
    conf = spec.compute
    memory = float(conf.get("min_gpu_memory_gib") or 0.0)
    return nodes.choose(nodes.discover(client), per_node, conf.get("gpu"), memory).node_type_id


def _bought(cloud: str, conf: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of the workspace's cloud: spot machines or machines of one's own."""
    asked = str(conf.get("availability") or "ON_DEMAND")
    known = _AVAILABILITY["aws"]
    if asked not in known:
        raise SubmitError(f"compute.availability cannot be {asked!r}. Choices: {', '.join(known)}.")
    attributes: dict[str, Any] = {"availability": _AVAILABILITY[cloud][known.index(asked)]}
    if cloud != "gcp":
        # The driver is the first; where it trains alone, it is the one to be a spot machine.
        several = int(conf.get("num_workers") or 0) > 0
        attributes["first_on_demand"] = 1 if asked == "ON_DEMAND" or several else 0
    if cloud == "aws":
        attributes["zone_id"] = "auto"
    key = f"{cloud}_attributes"
    return {key: attributes | dict(conf.get(key) or {})}


def _who(conf: Mapping[str, Any]) -> str | None:
    run_as = conf.get("run_as") or {}
    return run_as.get("user_name") or run_as.get("service_principal_name")


def _tags(spec: RunSpec) -> dict[str, str]:
    """Return the cluster's tags, by which costs are found; what the platform refuses is cut."""
    own = {"lakesight_run": spec.run_id, "lakesight_user": spec.user}
    tags = {**spec.tags, **own, **(spec.compute.get("custom_tags") or {})}
    plain = {str(key)[:_TAG_LENGTH]: str(value)[:_TAG_LENGTH] for key, value in tags.items()}
    return {key: value for key, value in list(plain.items())[-_MAX_TAGS:] if value}


def checked(kind: Any, values: Any, at: str) -> Any:
    """Return the SDK's dataclass of a body; the SDK itself would drop what it does not know.

    Raises:
        SubmitError: an unknown key, or a value of the wrong kind.
    """
    try:
        made = kind.from_dict(values)
        lost = _lost(values, made.as_dict(), at)
    except (AttributeError, TypeError, KeyError, ValueError) as error:
        raise SubmitError(f"{at} is not what the platform takes here: {error}.") from error
    if lost:
        key, known = lost
        raise SubmitError(
            f"{key} is not known to the platform, or its value is none of its choices."
            f"{did_you_mean(key.rpartition('.')[2], known)}"
        )
    return made


def _lost(given: Any, kept: Any, at: str) -> tuple[str, list[str]] | None:
    """Return the first key whose value did not survive, and the keys beside it."""
    if isinstance(given, Mapping) and isinstance(kept, Mapping):
        for key, value in given.items():
            if key not in kept and value not in (None, {}, []):
                return f"{at}.{key}", list(kept)
            found = _lost(value, kept.get(key), f"{at}.{key}")
            if found:
                return found
        return None
    if isinstance(given, list | tuple) and isinstance(kept, list):
        for number, (one, other) in enumerate(zip(given, kept, strict=False)):
            found = _lost(one, other, f"{at}[{number}]")
            if found:
                return found
        return None
    return None
