"""Makes what is missing, leaves what is there, and reads everything back."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from databricks.sdk.errors import AlreadyExists, NotFound, ResourceAlreadyExists, ResourceConflict
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.catalog import PermissionsChange, Privilege, VolumeType
from databricks.sdk.service.iam import AccessControlRequest, PermissionLevel

from launch.databricks.client import in_words
from launch.setup.sql import GRANTS, grant, quoted
from launch.setup.wish import SetupError, Wish

_THERE = (AlreadyExists, ResourceAlreadyExists, ResourceConflict)
_APPLICATION_ID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)


@dataclass(frozen=True)
class Step:
    """One thing of a set-up.

    Attributes:
        what: e.g. "schema main.cv".
        status: "there", "made" or "fail".
        said: what went wrong; "" if nothing did.
        fix: SQL or command for someone who may.
    """

    what: str
    status: str
    said: str = ""
    fix: str = ""


def setup(client: Any, wish: Wish, tell: Callable[[Step], None] = lambda _: None) -> list[Step]:
    """Make catalog (if asked), schema, Volume, experiment and grants; verify each.

    Doing it twice changes nothing. What depends on a failed step is not tried.

    Args:
        client: of the workspace.
        wish: what is to be there.
        tell: is given each step as it is done.
    """
    steps: list[Step] = []

    def done(step: Step) -> bool:
        steps.append(step)
        tell(step)
        return step.status != "fail"

    if all(done(step) for step in _securables(client, wish)):
        names = {"catalog": wish.catalog, "schema": wish.schema_name, "volume": wish.volume_name}
        for principal in wish.principals:
            for kind, privileges in GRANTS.items():
                done(_granted(client, kind, names[kind], privileges, principal))
    experiment = _experiment(client, wish.experiment)
    if done(experiment):
        for principal in wish.principals:
            done(_may_edit(client, wish.experiment, principal))
    return steps


def _securables(client: Any, wish: Wish) -> Any:
    """Yield the steps of catalog, schema and Volume, each made only after the one before."""
    create_catalog = f"CREATE CATALOG IF NOT EXISTS {quoted(wish.catalog)};"
    make = client.catalogs.create if wish.create_catalog else _refuse(wish.catalog)
    yield _there(
        f"catalog {wish.catalog}",
        lambda: client.catalogs.get(wish.catalog),
        lambda: make(wish.catalog),
        create_catalog,
    )
    yield _there(
        f"schema {wish.schema_name}",
        lambda: client.schemas.get(wish.schema_name),
        lambda: client.schemas.create(wish.schema, wish.catalog),
        f"CREATE SCHEMA IF NOT EXISTS {quoted(wish.schema_name)};",
    )
    yield _there(
        f"volume {wish.volume_name}",
        lambda: client.volumes.read(wish.volume_name),
        lambda: client.volumes.create(wish.catalog, wish.schema, wish.volume, VolumeType.MANAGED),
        f"CREATE VOLUME IF NOT EXISTS {quoted(wish.volume_name)};",
    )


def _refuse(catalog: str) -> Callable[[str], None]:
    def refuse(_: str) -> None:
        raise SetupError(
            f"catalog {catalog!r} does not exist, or you may not see it. Give an existing one, or make it "
            "with --create-catalog."
        )

    return refuse


def _there(what: str, read: Callable[[], Any], make: Callable[[], Any], fix: str) -> Step:
    """Return the step of one thing: read it, make it if it is not there, read it back."""
    try:
        try:
            read()
        except NotFound:
            pass
        else:
            return Step(what, "there")
        with contextlib.suppress(*_THERE):  # somebody else was quicker
            make()
        read()
    except SetupError as error:
        return Step(what, "fail", str(error), fix)
    except DatabricksError as error:
        return Step(what, "fail", in_words(error), fix)
    return Step(what, "made")


def _granted(
    client: Any, kind: str, name: str, privileges: tuple[str, ...], principal: str
) -> Step:
    words = ", ".join(privileges).replace("_", " ")
    what = f"{words} on {kind} {name} for {principal}"
    wanted = set(privileges)
    try:
        if wanted <= _held(client, kind, name, principal):
            return Step(what, "there")
        change = PermissionsChange(principal=principal, add=[Privilege[p] for p in privileges])
        # The kind as text: the SDK would put the enum's name into the address.
        client.grants.update(kind, name, changes=[change])
        lacking = wanted - _held(client, kind, name, principal)
    except DatabricksError as error:
        return Step(what, "fail", in_words(error), grant(kind, name, privileges, principal))
    if lacking:
        said = f"granted, but {', '.join(sorted(lacking))} is not there when read back"
        return Step(what, "fail", said, grant(kind, name, privileges, principal))
    return Step(what, "made")


def _held(client: Any, kind: str, name: str, principal: str) -> set[str]:
    found = client.grants.get_effective(kind, name, principal=principal)
    return {
        item.privilege.value
        for assigned in found.privilege_assignments or []
        for item in assigned.privileges or []
        if item.privilege is not None
    }


def _experiment(client: Any, path: str) -> Step:
    folder = path.rpartition("/")[0] or "/"

    def make() -> None:
        if folder != "/":
            client.workspace.mkdirs(folder)
        client.experiments.create_experiment(path)

    return _there(
        f"experiment {path}",
        lambda: client.experiments.get_by_name(path),
        make,
        f"databricks workspace mkdirs {folder} && databricks experiments create-experiment {path}",
    )


def _may_edit(client: Any, path: str, principal: str) -> Step:
    what = f"CAN EDIT on experiment {path} for {principal}"
    try:
        id = client.experiments.get_by_name(path).experiment.experiment_id
        if _edits(client, id, principal):
            return Step(what, "there")
        request = AccessControlRequest(
            **{_kind_of(principal): principal}, permission_level=PermissionLevel.CAN_EDIT
        )
        # Adds; `set` would take everyone else's rights away.
        client.permissions.update("experiments", id, access_control_list=[request])
        if _edits(client, id, principal):
            return Step(what, "made")
        said = "given, but not there when read back"
    except DatabricksError as error:
        said = in_words(error)
    return Step(what, "fail", said, f"databricks permissions update experiments {path}: CAN_EDIT")


def _edits(client: Any, id: str, principal: str) -> bool:
    entries = client.permissions.get("experiments", id).access_control_list or []
    return any(
        principal in (entry.user_name, entry.service_principal_name, entry.group_name)
        and level.permission_level in (PermissionLevel.CAN_EDIT, PermissionLevel.CAN_MANAGE)
        for entry in entries
        for level in entry.all_permissions or []
    )


def _kind_of(principal: str) -> str:
    if _APPLICATION_ID.match(principal):
        return "service_principal_name"
    return "user_name" if "@" in principal else "group_name"
