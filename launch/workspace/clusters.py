"""Clusters as data: node types, runtimes, the job clusters that ran, policies, pools."""

from __future__ import annotations

import json
from typing import Any

from databricks.sdk.service.compute import ClusterPoliciesAPI, ClustersAPI, InstancePoolsAPI

from launch.workspace.errors import invalid, missing
from launch.workspace.jobs.status import now_ms
from launch.workspace.node_types import NODE_TYPES, RUNTIMES
from launch.workspace.routes import Answer, Call, Routes, page

api = Routes()
_POLICIES, _POOLS = "/api/2.0/policies/clusters", "/api/2.0/instance-pools"


@api.add("GET", "/api/{v}/clusters/list-node-types", like=ClustersAPI.list_node_types)
def list_node_types(call: Call) -> Answer:
    """What can be rented."""
    return {"node_types": list(NODE_TYPES.values())}


@api.add("GET", "/api/{v}/clusters/spark-versions", like=ClustersAPI.spark_versions)
def spark_versions(call: Call) -> Answer:
    """What can run on it."""
    return {"versions": [{"key": key, "name": name} for key, name in RUNTIMES.items()]}


@api.add("GET", "/api/{v}/clusters/list-zones", like=ClustersAPI.list_zones)
def list_zones(call: Call) -> Answer:
    """Where."""
    return {"zones": ["us-west-2a", "us-west-2b"], "default_zone": "us-west-2a"}


@api.add("GET", "/api/{v}/clusters/list")
def list_clusters(call: Call) -> Answer:
    """The clusters of runs, newest first."""
    found, links = page(call.ws.store.all("cluster")[::-1], call.args, "page_size", 20, 100)
    return {"clusters": found, **links}


@api.add("GET", "/api/{v}/clusters/get", like=ClustersAPI.get)
def get_cluster(call: Call) -> Answer:
    """One cluster, with the reason of its end."""
    found = call.ws.store.get("cluster", call.args["cluster_id"])
    if found is None:
        # The platform answers 400 here, not 404.
        raise invalid(f"Cluster {call.args['cluster_id']} does not exist")
    return found


@api.add("POST", f"{_POLICIES}/create", like=ClusterPoliciesAPI.create)
def create_policy(call: Call) -> Answer:
    """A policy; its definition must be JSON."""
    name = call.args.get("name") or ""
    if any(doc["name"] == name for doc in call.ws.store.all("policy")):
        raise invalid(f"Policy name '{name}' is not unique")
    _definition(call.args)
    policy_id = f"{call.ws.store.next_id('policy'):016X}"
    doc = call.args | {"policy_id": policy_id, "creator_user_name": call.who.name}
    call.ws.store.put("policy", policy_id, doc | {"created_at_timestamp": now_ms()})
    return {"policy_id": policy_id}


@api.add("POST", f"{_POLICIES}/edit", like=ClusterPoliciesAPI.edit)
def edit_policy(call: Call) -> Answer:
    """Replace what is given."""
    old = _one(call, "policy", "policy_id")
    _definition(call.args)
    call.ws.store.put("policy", old["policy_id"], old | call.args)
    return None


@api.add("GET", f"{_POLICIES}/get", like=ClusterPoliciesAPI.get)
def get_policy(call: Call) -> Answer:
    """One policy."""
    return _one(call, "policy", "policy_id")


@api.add("GET", f"{_POLICIES}/list", like=ClusterPoliciesAPI.list)
def list_policies(call: Call) -> Answer:
    """All policies."""
    found = call.ws.store.all("policy")
    return {"policies": found, "total_count": len(found)}


@api.add("POST", f"{_POLICIES}/delete", like=ClusterPoliciesAPI.delete)
def delete_policy(call: Call) -> Answer:
    """Remove one."""
    call.ws.store.delete("policy", _one(call, "policy", "policy_id")["policy_id"])
    return None


@api.add("POST", f"{_POOLS}/create", like=InstancePoolsAPI.create)
def create_pool(call: Call) -> Answer:
    """A pool of machines of one type."""
    if call.args["node_type_id"] not in NODE_TYPES:
        raise invalid(f"Node type {call.args['node_type_id']} is not supported.")
    pool_id = f"pool-{call.ws.store.next_id('pool'):08d}"
    doc = call.args | {"instance_pool_id": pool_id, "state": "ACTIVE"}
    stats = {"used_count": 0, "idle_count": 0, "pending_used_count": 0, "pending_idle_count": 0}
    call.ws.store.put("pool", pool_id, doc | {"stats": stats})
    return {"instance_pool_id": pool_id}


@api.add("GET", f"{_POOLS}/get", like=InstancePoolsAPI.get)
def get_pool(call: Call) -> Answer:
    """One pool."""
    return _one(call, "pool", "instance_pool_id")


@api.add("GET", f"{_POOLS}/list", like=InstancePoolsAPI.list)
def list_pools(call: Call) -> Answer:
    """All pools."""
    return {"instance_pools": call.ws.store.all("pool")}


@api.add("POST", f"{_POOLS}/delete", like=InstancePoolsAPI.delete)
def delete_pool(call: Call) -> Answer:
    """Remove one."""
    call.ws.store.delete("pool", _one(call, "pool", "instance_pool_id")["instance_pool_id"])
    return None


def _one(call: Call, kind: str, key: str) -> dict[str, Any]:
    found = call.ws.store.get(kind, call.args[key])
    if found is None:
        raise missing(f"{key} {call.args[key]} does not exist")
    return found


def _definition(args: dict[str, Any]) -> None:
    try:
        rules = json.loads(args.get("definition") or "{}")
    except ValueError as error:
        raise invalid(f"The policy's definition is not JSON: {error}") from error
    if not isinstance(rules, dict):
        raise invalid("The policy's definition must be a JSON object.")
