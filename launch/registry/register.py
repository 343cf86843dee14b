"""A run's model as a version of a registered model: `lakesight register`, and the app's page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cvcore.errors import ConfigError
from cvcore.serve.register.facts import Facts
from launch.account import account
from launch.activity.record import recorded
from launch.ledger import Ledger
from launch.registry import child
from launch.registry.registry import ModelVersion, Registry
from launch.registry.source import Source, source_of

NUM_IMAGES = 200


@dataclass(frozen=True)
class Registered:
    """What a registration made.

    Attributes:
        version: as the registry has it, aliases included.
        uri: of the model in MLflow.
        facts: what is known of it.
        not_measured: why something could not be measured; "" if all was.
    """

    version: ModelVersion
    uri: str
    facts: Facts
    not_measured: str = ""


def register(
    run: str | Source,
    model: str,
    *,
    alias: str = "",
    tags: Mapping[str, str] | None = None,
    latency: bool = True,
    num_images: int = NUM_IMAGES,
    device: str = "",
    tracking_uri: str = "",
    registry_uri: str = "",
    by: str = "",
    say: Callable[[str], None] = lambda _: None,
) -> Registered:
    """Register the model of a run; blocks for as long as measuring and copying take.

    Args:
        run: a run's folder, id or title (or what `source_of` found).
        model: name of the registered model; in Unity Catalog catalog.schema.model.
        alias: to point at the new version, e.g. challenger; never the champion's, see `promote`.
        tags: of the version.
        latency: time the model, if that was not done yet.
        num_images: of the robustness card; 0: none.
        device: for torch; "": the GPU where there is one.
        tracking_uri: of MLflow, see `source_of`.
        registry_uri: see `Registry`.
        by: who asks.
        say: is told how it goes, a line at a time.

    Raises:
        LakesightError: the run, the name, the tags or the registry can't be used.
    """
    source = source_of(run, tracking_uri) if isinstance(run, str) else run
    registry = Registry(source.tracking_uri, registry_uri)
    name = registry.name(model)
    if alias:
        _check_free(alias)
    own = {"lakesight_by": by or account(), **_checked(tags or {})}
    words = ["cvcore.serve.register", *([str(source.folder)] if source.folder else [])]
    words += ["--as", name, "--uri", source.tracking_uri, "--run-id", source.run_id]
    words += ["--registry-uri", registry.registry_uri, "--tags", json.dumps(own)]
    words += ["--robustness", str(num_images), *(["--latency"] if latency else [])]
    words += ["--device", device] if device else []
    # First: what the registry refuses is said before anything is measured.
    with recorded("register", f"model {name}", own["lakesight_by"]) as told:
        told["run"] = source.run_id
        new = registry.ensure(name)
        try:
            made: dict[str, Any] = child.run(words, "the registration", say)
        except BaseException:
            if new:
                registry.drop_empty(name)
            raise
        told["version"] = str(made["version"])
    if alias:
        registry.point(name, alias, made["version"])
    version = registry.version(name, made["version"])
    facts = Facts.of(json.dumps(made["facts"]), f"{name} version {version.version}")
    return Registered(version, made["uri"], facts, made["not_measured"])


def name_of(source: Source) -> str:
    """Return the name that a run's own configuration gives its registered model.

    Raises:
        ConfigError: it gives none.
    """
    name = Ledger(source.tracking_uri).get(source.run_id).params.get("registry.register_as", "None")
    if name in ("", "None"):
        raise ConfigError(
            "say what the model is to be called: --as NAME (the run has no registry.register_as)."
        )
    return name


def _check_free(alias: str) -> None:
    from cvcore.serve.register.names import check_alias
    from launch.registry.promote import CHAMPION

    if check_alias(alias) == CHAMPION:
        raise ConfigError(
            f"the alias {CHAMPION!r} moves only through the gate: register the run without it, then "
            "`lakesight promote NAME VERSION`."
        )


def _checked(tags: Mapping[str, str]) -> dict[str, str]:
    """Return a person's own tags.

    Raises:
        ConfigError: Unity Catalog would not take one, or it is one of ours.
    """
    for key, value in tags.items():
        if not key or len(key) > 255 or any(c in key for c in ".,-=/: ") or len(value) > 1000:
            raise ConfigError(
                f"{key!r} can't be the tag of a version: 1 to 255 letters, digits and _, without "
                ". , - = / : and spaces, and a value of at most 1,000 characters."
            )
        if key.startswith("lakesight_"):
            raise ConfigError(f"{key!r} is a tag of Lakesight itself; choose another key.")
    return dict(tags)
