"""Where configuration lies: ours, shipped with the code, and the folders of the user."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cvcore.errors import ConfigError

PACKAGE = Path(__file__).parents[1]

CONF_PATH_VARIABLE = "LAKESIGHT_CONF_PATH"
"""Environment variable with the user's conf folders, separated as in PATH."""


def default_conf_dir() -> Path:
    """Return the conf folder of the user where no other is given: it need not exist.

    `$XDG_CONFIG_HOME/lakesight/conf`, else `~/.config/lakesight/conf`.
    """
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser().absolute() / "lakesight" / "conf"


def conf_dir() -> Path:
    """Return our conf folder: `cvcore/_conf` in an installed wheel, `conf/` in a checkout."""
    installed = PACKAGE / "_conf"
    return installed if installed.is_dir() else PACKAGE.parent / "conf"


def user_conf_dirs(folders: Sequence[str | Path] | None = None) -> tuple[Path, ...]:
    """Return the user's conf folders as absolute paths.

    Args:
        folders: the folders; None reads `LAKESIGHT_CONF_PATH`, and where that is unset takes the
            default folder if it is there.

    Raises:
        ConfigError: one of them is not a folder.
    """
    if folders is None:
        given = os.environ.get(CONF_PATH_VARIABLE, "")
        folders = [part for part in given.split(os.pathsep) if part]
        if not folders and default_conf_dir().is_dir():
            folders = [default_conf_dir()]
    found = []
    for folder in folders:
        path = Path(folder).expanduser().absolute()
        if not path.is_dir():
            raise ConfigError(
                f"The conf folder {str(folder)!r} does not exist. Give an existing folder laid out "
                f"like ours (model/detection/mine.yaml) to --config-dir or {CONF_PATH_VARIABLE}."
            )
        found.append(path)
    return tuple(dict.fromkeys(found))
