"""The SQL that does the same, for someone with more rights to run."""

from __future__ import annotations

from launch.setup.wish import Wish

GRANTS = {
    "catalog": ("USE_CATALOG",),
    "schema": ("USE_SCHEMA", "CREATE_MODEL", "CREATE_TABLE"),
    "volume": ("READ_VOLUME", "WRITE_VOLUME"),
}
"""What a person or service principal needs to run trainings; reading does not include writing."""


def statements(wish: Wish) -> list[str]:
    """Return the statements, in order; what has no SQL is a comment with the command."""
    names = {"catalog": wish.catalog, "schema": wish.schema_name, "volume": wish.volume_name}
    found = []
    if wish.create_catalog:
        found.append(f"CREATE CATALOG IF NOT EXISTS {quoted(wish.catalog)};")
    found.append(f"CREATE SCHEMA IF NOT EXISTS {quoted(wish.schema_name)};")
    found.append(f"CREATE VOLUME IF NOT EXISTS {quoted(wish.volume_name)};")
    for principal in wish.principals:
        found += [grant(kind, names[kind], GRANTS[kind], principal) for kind in GRANTS]
    folder = wish.experiment.rpartition("/")[0] or "/"
    found.append(f"-- databricks workspace mkdirs {folder}")
    found.append(f"-- databricks experiments create-experiment {wish.experiment}")
    found += [
        f"-- databricks permissions update experiments <experiment id>: CAN_EDIT for {principal}"
        for principal in wish.principals
    ]
    return found


def grant(kind: str, name: str, privileges: tuple[str, ...], principal: str) -> str:
    """Return a GRANT statement."""
    words = ", ".join(privilege.replace("_", " ") for privilege in privileges)
    return f"GRANT {words} ON {kind.upper()} {quoted(name)} TO `{principal}`;"


def quoted(name: str) -> str:
    """Return a dotted name with each part in backticks."""
    return ".".join(f"`{part}`" for part in name.split("."))
