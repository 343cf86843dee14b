"""Which runtime a cluster gets: the newest long-term ML one."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.compute import SparkVersion

from launch.databricks.client import EDGE

_log = logging.getLogger(__name__)

BUILT_IN = {True: "17.3.x-gpu-ml-scala2.13", False: "17.3.x-cpu-ml-scala2.13"}
"""With GPUs or without -> runtime, for when the workspace can't be asked."""

_KEY = re.compile(r"^(\d+)\.(\d+)\.x-(gpu|cpu)-ml-scala(\d+)\.(\d+)$")


def discover(client: WorkspaceClient, *, gpu: bool) -> str:
    """Return the newest long-term ML runtime of a workspace."""
    try:
        listed = client.clusters.spark_versions().versions or []
    except EDGE as error:
        _log.warning("the workspace does not list its runtimes (%s)", error)
        listed = []
    return newest(listed, gpu=gpu) or BUILT_IN[gpu]


def newest(versions: Iterable[SparkVersion], *, gpu: bool) -> str | None:
    """Return the key of the newest long-term ML runtime, None if there is none."""
    found = []
    for version in versions:
        match = _KEY.match(version.key or "")
        if match and match[3] == ("gpu" if gpu else "cpu") and "LTS" in (version.name or ""):
            found.append((*(int(match[i]) for i in (1, 2, 4, 5)), match[0]))
    return str(max(found)[-1]) if found else None
