"""Checks of a Databricks workspace: who one is there, and what one may."""

from __future__ import annotations

import io
import os
import re
import uuid
from typing import Any

from cvcore.config.schema import Config
from launch.doctor.check import Check, Context, Verdict

VOLUME_VARIABLE = "LAKESIGHT_VOLUME"
APP_VARIABLE = "LAKESIGHT_APP"
_VOLUME = re.compile(r"^/Volumes/([^/]+)/([^/]+)/([^/]+)(/.*)?$")
_LEVELS = {
    "jobs": ("CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"),
    "experiments": ("CAN_EDIT", "CAN_MANAGE"),
    "serving-endpoints": ("CAN_QUERY", "CAN_MANAGE"),
}


def volume_of(config: Config | None) -> str:
    """Return the folder on a Volume that runs use: compute.volume, else LAKESIGHT_VOLUME, else ""."""
    given = getattr(config.compute, "volume", None) if config is not None else None
    return str(given or os.environ.get(VOLUME_VARIABLE, "")).rstrip("/")


def _host(context: Context) -> Verdict:
    host = str(context.client.config.host)
    if not host.startswith("https://") and "127.0.0.1" not in host:
        return Verdict("warn", f"{host} is not https", {"host": host})
    return Verdict("ok", f"{host}, authorised by {context.client.config.auth_type}")


def _identity(context: Context) -> Verdict:
    me = context.client.current_user.me()
    context.values["me"] = me.user_name
    context.values["groups"] = {group.display for group in me.groups or []}
    return Verdict("ok", f"{me.user_name}")


def _volume_name(context: Context) -> Verdict:
    path = volume_of(context.config)
    found = _VOLUME.match(path)
    if not found:
        said = f"{path!r} is not a folder on a Volume" if path else "no Volume is given"
        return Verdict("fail", said)
    if (
        path != path.lower()
        and "/".join(found.groups()[:3]) != "/".join(found.groups()[:3]).lower()
    ):
        return Verdict("warn", f"{path}: Unity Catalog's names are lowercase")
    context.values["volume"] = [part.lower() for part in found.groups()[:3]]
    return Verdict("ok", path)


def _grants(kind: str, depth: int, wanted: tuple[str, ...]) -> Any:
    def look(context: Context) -> Verdict:
        parts = context.values.get("volume")
        if not parts:
            return Verdict("skipped", "no Volume is given")
        me, name = context.values.get("me", ""), ".".join(parts[:depth])
        values = {"name": name, "principal": me}
        effective = context.client.grants.get_effective(kind, name, principal=me)
        held = {
            getattr(item.privilege, "value", "")
            for assigned in effective.privilege_assignments or []
            for item in assigned.privileges or []
        }
        lacking = [p for p in wanted if p not in held and "ALL_PRIVILEGES" not in held]
        owner = _owner(context.client, kind, name)
        if lacking and owner != me:
            words = ", ".join(p.replace("_", " ") for p in lacking)
            return Verdict(
                "fail", f"{me} lacks {words} on {kind} {name}", {**values, "lacking": words}
            )
        return Verdict("ok", f"{', '.join(wanted).replace('_', ' ')} on {name}")

    return look


def _owner(client: Any, kind: str, name: str) -> str:
    read = {
        "catalog": client.catalogs.get,
        "schema": client.schemas.get,
        "volume": client.volumes.read,
    }
    return str(read[kind](name).owner)


def _volume(context: Context) -> Verdict:
    if "volume" not in context.values:
        return Verdict("skipped", "no Volume is given")
    path = f"{volume_of(context.config)}/.lakesight-doctor-{uuid.uuid4().hex[:8]}"
    files, sent = context.client.files, b"lakesight doctor"
    files.upload(path, io.BytesIO(sent), overwrite=True)
    try:
        contents = files.download(path).contents
        with contents:
            back = contents.read()
    finally:
        files.delete(path)
    if back != sent:
        return Verdict("fail", f"{path} came back with other bytes")
    return Verdict("ok", "a file was written, read and deleted")


def _nodes(context: Context) -> Verdict:
    found = context.client.clusters.list_node_types().node_types or []
    gpus = sorted(n.node_type_id for n in found if (n.num_gpus or 0) > 0 and not n.is_deprecated)
    asked = getattr(context.config.compute, "node_type_id", None) if context.config else None
    if not gpus:
        return Verdict(
            "fail", "this workspace offers no machine with a GPU", {"node_type": asked or ""}
        )
    if asked and asked not in gpus:
        return Verdict(
            "fail", f"{asked} is not offered; there are {', '.join(gpus)}", {"node_type": gpus[0]}
        )
    refused = [
        n.node_type_id
        for n in found
        if n.node_type_id == asked
        and n.node_info
        and any("NotAvailable" in str(s) for s in n.node_info.status or [])
    ]
    if refused:
        said = f"{asked} is not available to this subscription (quota or region)"
        return Verdict("fail", said, {"node_type": next(g for g in gpus if g != asked)})
    return Verdict("ok", f"{len(gpus)} machines with GPUs, e.g. {', '.join(gpus[:4])}")


def _runtime(context: Context) -> Verdict:
    from launch.databricks import runtimes  # needs the SDK, which is optional

    listed = context.client.clusters.spark_versions().versions or []
    versions = {v.key for v in listed}
    best = runtimes.newest(listed, gpu=True)
    asked = getattr(context.config.compute, "spark_version", None) if context.config else None
    values = {"runtime": best or runtimes.BUILT_IN[True]}
    if asked and asked not in versions:
        return Verdict("fail", f"runtime {asked} does not exist here", values)
    if asked and "-gpu-" not in asked:
        return Verdict("fail", f"runtime {asked} is not one with GPUs", values)
    if not (asked or best):
        return Verdict("fail", "no long-term ML runtime with GPUs is offered", values)
    return Verdict("ok", str(asked or best))


def _job(context: Context) -> Verdict:
    compute = context.config.compute if context.config else None
    if compute is None or getattr(compute, "way", "") != "job":
        return Verdict("skipped", "no deployed job is used (compute=databricks_job)")
    from launch.databricks import jobs  # needs the SDK, which is optional

    # As a submission looks for it: what would be refused there is refused here.
    asked = getattr(compute, "job", None)
    found = jobs.find(context.client, asked, compute.num_devices)
    job_id = str(found.job_id)
    return _permission(context, "jobs", job_id, f"job {asked or job_id}")


def _cluster(context: Context) -> Verdict:
    compute = context.config.compute if context.config else None
    if getattr(compute, "way", "") != "cluster":
        return Verdict("skipped", "no new cluster is used (compute=databricks_cluster)")
    policy = getattr(compute, "policy_id", None)
    me = context.client.current_user.me()
    entitled = {e.value for e in me.entitlements or []} | {
        "allow-cluster-create" if g.display == "admins" else "" for g in me.groups or []
    }
    if policy:
        found = context.client.cluster_policies.get(policy)
        return Verdict("ok", f"policy {found.name}")
    if "allow-cluster-create" in entitled:
        return Verdict("ok", "may create clusters")
    ids = [p.policy_id for p in context.client.cluster_policies.list()]
    return Verdict(
        "warn",
        "no right to create clusters without a policy is seen",
        {"policy_id": ids[0] if ids else "<id>"},
    )


def _experiment(context: Context) -> Verdict:
    name = context.config.tracking.experiment if context.config else ""
    if not name.startswith("/"):
        said = f"tracking.experiment={name!r} is no path of the workspace"
        return Verdict("fail", said, {"experiment": f"/Shared/{name}"})
    found = context.client.experiments.get_by_name(name).experiment
    return _permission(context, "experiments", found.experiment_id, name)


def _permission(context: Context, kind: str, id: str, name: str) -> Verdict:
    me = context.values.get("me", "")
    groups = context.values.get("groups", set())
    wanted = _LEVELS[kind]
    entries = context.client.permissions.get(kind, id).access_control_list or []
    mine = [
        level.permission_level.value
        for entry in entries
        if me in (entry.user_name, entry.service_principal_name) or entry.group_name in groups
        for level in entry.all_permissions or []
        if level.permission_level is not None
    ]
    if "admins" in groups or any(level in wanted for level in mine):
        return Verdict("ok", f"{name}: {', '.join(mine) or 'admin'}")
    values = {"id": id, "principal": me, "level": wanted[0]}
    return Verdict(
        "fail", f"{me} has {', '.join(mine) or 'no right'} on {name}; {wanted[0]} is needed", values
    )


def _registry(context: Context) -> Verdict:
    name = context.config.registry.register_as if context.config else None
    if not name:
        return Verdict("skipped", "registry.register_as is not set")
    parts = name.split(".")
    if len(parts) != 3:
        said = f"registry.register_as={name!r} needs three parts: catalog.schema.model"
        return Verdict(
            "fail", said, {"schema": "catalog.schema", "principal": context.values.get("me", "")}
        )
    schema, me = ".".join(parts[:2]), context.values.get("me", "")
    context.client.schemas.get(schema)
    effective = context.client.grants.get_effective("schema", schema, principal=me)
    held = {
        getattr(p.privilege, "value", "")
        for a in effective.privilege_assignments or []
        for p in a.privileges or []
    }
    if (
        not held & {"CREATE_MODEL", "ALL_PRIVILEGES"}
        and _owner(context.client, "schema", schema) != me
    ):
        return Verdict(
            "fail", f"{me} lacks CREATE MODEL on {schema}", {"schema": schema, "principal": me}
        )
    return Verdict("ok", name)


def _serving(context: Context) -> Verdict:
    endpoints = list(context.client.serving_endpoints.list())
    failed = [
        e.name
        for e in endpoints
        if e.state and e.state.config_update and e.state.config_update.value == "UPDATE_FAILED"
    ]
    if failed:
        return Verdict(
            "warn", f"the last update of {', '.join(failed)} failed", {"endpoint": failed[0]}
        )
    return Verdict("ok", f"{len(endpoints)} endpoints can be seen")


def _app(context: Context) -> Verdict:
    name = os.environ.get(APP_VARIABLE) or os.environ.get("DATABRICKS_APP_NAME")
    if not name:
        return Verdict("skipped", f"no app is named ({APP_VARIABLE})")
    app = context.client.apps.get(name)
    values = {"app": name}
    state = getattr(getattr(app.compute_status, "state", None), "value", "unknown")
    bound = {
        kind
        for resource in app.resources or []
        for kind in ("job", "uc_securable", "experiment")
        if getattr(resource, kind, None) is not None
    }
    lacking = sorted({"job", "uc_securable", "experiment"} - bound)
    if lacking:
        return Verdict("fail", f"app {name} has no resource of kind {', '.join(lacking)}", values)
    if state != "ACTIVE":
        return Verdict("warn", f"app {name} is {state}", values)
    return Verdict("ok", f"{app.url}")


def _grant_check(kind: str, depth: int, wanted: tuple[str, ...], otherwise: str) -> Check:
    return Check(
        f"{kind} grants", "databricks",
        f"{', '.join(wanted).replace('_', ' ')} on the {kind} of the Volume.",
        otherwise,
        f"GRANT {{lacking}} ON {kind.upper()} {{name}} TO `{{principal}}`;",
        _grants(kind, depth, wanted),
    )  # fmt: skip


WORKSPACE = (
    Check(
        "host", "databricks", "The workspace's address and how one is authorised.",
        "Nothing reaches the workspace.",
        "databricks auth login --host {host}",
        _host,
    ),
    Check(
        "identity", "databricks", "Who one is there.",
        "The credentials are not accepted: `Unauthenticated`, `invalid access token`.",
        "databricks auth login, or renew DATABRICKS_TOKEN",
        _identity,
    ),
    Check(
        "volume name", "databricks", "compute.volume, or LAKESIGHT_VOLUME.",
        "Code, configuration and checkpoints have no place both sides see.",
        "export LAKESIGHT_VOLUME=/Volumes/<catalog>/<schema>/<volume>; `lakesight setup` makes it",
        _volume_name,
    ),
    _grant_check("catalog", 1, ("USE_CATALOG",), "`PERMISSION_DENIED: USE CATALOG`."),
    _grant_check("schema", 2, ("USE_SCHEMA",), "`PERMISSION_DENIED: USE SCHEMA`."),
    _grant_check(
        "volume", 3, ("READ_VOLUME", "WRITE_VOLUME"),
        "Writing works and reading does not, or the other way round: neither includes the other.",
    ),
    Check(
        "volume", "databricks", "Writes, reads and deletes a small file on the Volume.",
        "A run can't be handed over, or its checkpoints are lost with the cluster.",
        "lakesight setup, then ask the Volume's owner for the grants above",
        _volume,
    ),
    Check(
        "machines", "databricks", "Whether machines with GPUs are offered, and compute.node_type_id.",
        "`INVALID_PARAMETER_VALUE: Node type ... is not supported`, or no quota.",
        "compute.node_type_id={node_type}; quota is raised in the cloud's console",
        _nodes,
    ),
    Check(
        "runtime", "databricks", "Whether an ML runtime with GPUs is offered, and compute.spark_version.",
        "`Could not find a CUDA device`, missing drivers, or the cluster is refused.",
        "compute.spark_version={runtime}",
        _runtime,
    ),
    Check(
        "job", "databricks", "The deployed job, and the right to start it.",
        "`PERMISSION_DENIED ... CAN_MANAGE_RUN`.",
        "databricks bundle deploy, then databricks permissions update jobs {id} --json "
        "'{{\"access_control_list\":[{{\"user_name\":\"{principal}\",\"permission_level\":\"{level}\"}}]}}'",
        _job,
    ),
    Check(
        "clusters", "databricks", "The right to create a cluster, or a policy that gives it.",
        "`You are not authorized to create clusters`.",
        "compute.policy_id={policy_id}, or compute=databricks_job",
        _cluster,
    ),
    Check(
        "experiment", "databricks", "The experiment, and the right to write into it.",
        "Runs can't be created, or metrics are refused.",
        "tracking.experiment={experiment}; lakesight setup; databricks permissions update "
        "experiments {id} --json '{{\"access_control_list\":[{{\"user_name\":\"{principal}\","
        "\"permission_level\":\"CAN_EDIT\"}}]}}'",
        _experiment,
    ),
    Check(
        "registry", "databricks", "registry.register_as and CREATE MODEL on its schema.",
        "The training succeeds and its model is not registered.",
        "GRANT CREATE MODEL ON SCHEMA {schema} TO `{principal}`;",
        _registry,
    ),
    Check(
        "serving", "databricks", "Serving endpoints that can be seen, and failed updates.",
        "A new version is registered and the old one goes on answering.",
        "databricks serving-endpoints build-logs {endpoint} <served entity>",
        _serving,
    ),
    Check(
        "app", "databricks", "The app's state and its resources: job, Volume, experiment.",
        "The app opens and can't start a run, read data or show metrics.",
        "databricks bundle deploy && databricks bundle run {app}",
        _app,
    ),
)  # fmt: skip
