"""Which launcher a kind means. Each is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module

from cvcore.errors import did_you_mean
from launch.base import Launcher
from launch.errors import LaunchError

LAUNCHERS = {
    "local": "launch.local.launcher:LocalLauncher",
    "databricks": "launch.databricks.launcher:DatabricksLauncher",
    "hostfile": "launch.hostfile.launcher:HostfileLauncher",
}
"""Kind (`compute.kind`, tag `lakesight.launcher`) -> its class, which is called without arguments."""


def get_launcher(kind: str) -> Launcher:
    """Return the launcher of a kind.

    Raises:
        LaunchError: there is none.
    """
    if kind not in LAUNCHERS:
        raise LaunchError(
            f"{kind!r} is no launcher here. Launchers: {', '.join(LAUNCHERS)}."
            f"{did_you_mean(kind, LAUNCHERS)}"
        )
    module, _, attribute = LAUNCHERS[kind].partition(":")
    launcher: Launcher = getattr(import_module(module), attribute)()
    return launcher
