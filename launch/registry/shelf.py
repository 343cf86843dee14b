"""What belongs to a version, kept in the artifacts of its run: facts, card, gate reports.

There and not in the registry alone: it can be read and written under every kind of registry, and
nothing process-wide is set for it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from cvcore.metrics import server
from cvcore.serve.register.facts import FILE, Facts
from launch.registry.errors import RegistryError
from launch.registry.registry import ModelVersion, Registry, is_missing


def folder_of(version: ModelVersion) -> str:
    """Return the folder of a version in the artifacts of its run."""
    return f"registry/{version.model}/{version.version}"


def facts_of(registry: Registry, version: ModelVersion) -> Facts:
    """Return what is known of a version.

    Raises:
        RegistryError: it was not registered by Lakesight, or its run can't be read.
        ModelError: its facts can't be read.
    """
    what = f"{version.model} version {version.version}"
    return Facts.of(read(registry, version, FILE), what)


def read(registry: Registry, version: ModelVersion, name: str) -> str:
    """Return a text file of a version.

    Raises:
        RegistryError: there is none, or its run can't be read.
    """
    what = f"{version.model} version {version.version}"
    if not version.run_id:
        raise RegistryError(
            f"{what} has no run, so nothing is known of it. Register a run with `lakesight register "
            f"RUN --as {version.model}`."
        )
    path = f"{folder_of(version)}/{name}"
    with tempfile.TemporaryDirectory(prefix="lakesight-version-") as temporary:
        try:
            file = registry.client.download_artifacts(version.run_id, path, temporary)
            return Path(file).read_text(encoding="utf-8")
        except OSError as error:
            raise _unknown(what, name, version) from error
        except Exception as error:
            if is_missing(error) or "No such" in str(error):
                raise _unknown(what, name, version) from error
            raise RegistryError(
                f"{name} of {what} can't be read: {server.in_words(error)}. Try again, or look at "
                "your rights on its run."
            ) from error


def write(registry: Registry, version: ModelVersion, into: str, files: Mapping[str, str]) -> str:
    """Put text files beside a version; return their folder in the run's artifacts.

    Args:
        registry: that has it.
        version: whose they are.
        into: folder below the version's.
        files: file name -> text.

    Raises:
        RegistryError: its run takes no artifacts.
    """
    place = f"{folder_of(version)}/{into}"
    try:
        for name, text in files.items():
            registry.client.log_text(version.run_id, text, f"{place}/{name}")
    except Exception as error:
        raise RegistryError(
            f"the report can't be stored with {version.model} version {version.version} "
            f"({server.in_words(error)}), so nothing was changed."
        ) from error
    return place


def _unknown(what: str, name: str, version: ModelVersion) -> RegistryError:
    return RegistryError(
        f"{what} has no {name} with its run {version.run_id[:8]}: it was not registered by "
        f"Lakesight. `lakesight register {version.run_id[:8]} --as {version.model}` makes a version "
        "that has."
    )
