"""What is to be there: names, checked before anything is asked of the workspace."""

from __future__ import annotations

import re
from dataclasses import dataclass

from launch.errors import LaunchError

_VOLUME = re.compile(r"^/Volumes/([^/]+)/([^/]+)/([^/]+?)(?:/.*)?$")
_NAME = re.compile(r"^[a-z0-9_][a-z0-9_-]{0,254}$")


class SetupError(LaunchError):
    """A workspace that can't be set up as asked."""


@dataclass(frozen=True)
class Wish:
    """What `lakesight setup` makes.

    Attributes:
        catalog: of the Volume, lowercase.
        schema: in it.
        volume: in that.
        experiment: path in the workspace.
        principals: who gets the rights: e-mail, application id of a service principal, or group.
        create_catalog: make the catalog too, which few people may.
    """

    catalog: str
    schema: str
    volume: str
    experiment: str
    principals: tuple[str, ...] = ()
    create_catalog: bool = False

    @property
    def schema_name(self) -> str:
        """`catalog.schema`."""
        return f"{self.catalog}.{self.schema}"

    @property
    def volume_name(self) -> str:
        """`catalog.schema.volume`."""
        return f"{self.schema_name}.{self.volume}"


def wish(
    volume: str,
    experiment: str,
    principals: tuple[str, ...] = (),
    create_catalog: bool = False,
) -> Wish:
    """Return the wish of a Volume's path and an experiment's.

    Raises:
        SetupError: a name that Unity Catalog or the workspace does not take.
    """
    found = _VOLUME.match(volume)
    if found is None:
        raise SetupError(
            f"--volume {volume!r} is no Volume's path. Give /Volumes/<catalog>/<schema>/<volume>, or set "
            "LAKESIGHT_VOLUME."
        )
    # Unity Catalog keeps names in lowercase.
    parts = [part.lower() for part in found.groups()]
    for part in parts:
        if not _NAME.match(part):
            raise SetupError(
                f"{part!r} in --volume {volume} is no name: letters, digits, `_` and `-` are taken."
            )
    if not experiment.startswith("/") or experiment.endswith("/"):
        raise SetupError(
            f"--experiment {experiment!r} is no path of the workspace. Give one such as "
            "/Shared/lakesight."
        )
    for principal in principals:
        if not principal.strip() or "`" in principal:
            raise SetupError(f"--principal {principal!r} is nobody's name.")
    catalog, schema, name = parts
    return Wish(catalog, schema, name, experiment, principals, create_catalog)
