"""Refuses work that needs torch where it is not installed, before anything is started."""

from __future__ import annotations

from importlib.util import find_spec

from launch.errors import LaunchError


def require_torch(what: str, error: type[LaunchError] = LaunchError) -> None:
    """Do nothing where torch is installed.

    An app of a Databricks workspace has none: it leads what others do.

    Args:
        what: would be done here, as the start of a sentence: "A registration".
        error: to raise.

    Raises:
        LaunchError: it is not.
    """
    try:
        found = find_spec("torch")
    except ImportError:
        found = None
    if found is None:
        raise error(
            f"{what} needs torch, and it is not installed here, as in an app of a Databricks workspace. "
            "Do it on the workspace (compute=databricks_job, databricks_cluster or "
            "databricks_serverless, where there is this choice), or with `lakesight` where torch is."
        )
