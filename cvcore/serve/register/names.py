"""Names of registered models and aliases, checked before anything is sent. Imports nothing heavy."""

from __future__ import annotations

import re

from cvcore.errors import ConfigError

_PART = re.compile(r"^[^\s./:\x00-\x1f\x7f]{1,255}$")
_ALIAS = re.compile(r"^[A-Za-z_][A-Za-z0-9_-]{0,254}$")
_VERSION = re.compile(r"^v\d+$", re.IGNORECASE)


def check_name(name: str, unity_catalog: bool) -> str:
    """Return the name of a registered model as the registry keeps it.

    Args:
        name: as a person wrote it.
        unity_catalog: three parts are needed, `catalog.schema.model`; they become lowercase, as
            Unity Catalog makes them.

    Raises:
        ConfigError: the registry does not take it; says what it takes.
    """
    parts = name.split(".")
    if unity_catalog:
        if len(parts) != 3:
            raise ConfigError(
                f"{name!r} has {len(parts)} part{'s' if len(parts) != 1 else ''}; a model in Unity "
                "Catalog has three: catalog.schema.model, e.g. main.vision.cells."
            )
        for what, part in zip(("catalog", "schema", "model"), parts, strict=True):
            if not _PART.match(part):
                raise ConfigError(
                    f"the {what} {part!r} of {name!r} is not a name of Unity Catalog: 1 to 255 "
                    "characters, no space, dot, slash or colon."
                )
        return name.lower()
    if not all(map(_PART.match, parts)):
        raise ConfigError(
            f"{name!r} can't be the name of a registered model: 1 to 255 characters, no space, "
            "slash or colon (dots only between parts). E.g. cells, or main.vision.cells."
        )
    return name


def check_alias(alias: str) -> str:
    """Return an alias.

    Raises:
        ConfigError: it is not one, or looks like a version.
    """
    if not _ALIAS.match(alias) or _VERSION.match(alias) or alias.lower() == "latest":
        raise ConfigError(
            f"{alias!r} can't be an alias: letters, digits, - and _, a letter first, and neither "
            "'latest' nor like a version (v3). E.g. champion, challenger."
        )
    return alias
