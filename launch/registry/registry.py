"""The registered models of one registry: MLflow's own, or Unity Catalog.

Aliases, never stages. One object is one connection; nothing process-wide is set.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cvcore.errors import did_you_mean
from cvcore.metrics import mlflow_run, server
from cvcore.serve.register.names import check_alias, check_name
from launch.ledger import absolute
from launch.registry.errors import RegistryError

UNITY_CATALOG = "databricks-uc"
_MISSING = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND", "ENDPOINT_NOT_FOUND")


@dataclass(frozen=True)
class ModelVersion:
    """A version of a registered model.

    Attributes:
        model: its name.
        version: number, as text.
        run_id: of the training; "" if unknown.
        status: READY, or why not yet.
        created_at: seconds since 1970 (UTC).
        description: a sentence.
        source: of the model in MLflow.
        tags: of the version.
        aliases: that point to it.
    """

    model: str
    version: str
    run_id: str
    status: str
    created_at: float
    description: str = ""
    source: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class RegisteredModel:
    """A registered model.

    Attributes:
        model: its name.
        description: of it.
        aliases: alias -> version.
        tags: of the model.
    """

    model: str
    description: str
    aliases: Mapping[str, str]
    tags: Mapping[str, str]


class Registry:
    """Registered models, versions and aliases.

    Example:
        >>> Registry().version("cells", "champion").version  # doctest: +SKIP
        '3'
    """

    def __init__(self, tracking_uri: str = "", registry_uri: str = "") -> None:
        """Open it; no request is made yet.

        Args:
            tracking_uri: MLflow server of the runs; "": MLFLOW_TRACKING_URI, else this folder's file.
            registry_uri: "": MLFLOW_REGISTRY_URI, else Unity Catalog where runs are tracked on
                Databricks, else the tracking server.

        Raises:
            RegistryError: it can't be opened.
        """
        given = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or mlflow_run.DEFAULT_URI
        self.tracking_uri = absolute(given)
        found = registry_uri or os.environ.get("MLFLOW_REGISTRY_URI") or ""
        if not found and self.tracking_uri.partition(":")[0] == "databricks":
            found = UNITY_CATALOG + self.tracking_uri.removeprefix("databricks")
        self.registry_uri = found or self.tracking_uri
        try:
            server.client(self.tracking_uri)  # sets how requests are made
            from mlflow import MlflowClient

            self.client = MlflowClient(self.tracking_uri, self.registry_uri)
        except Exception as error:
            raise RegistryError(
                f"the model registry {self.shown} can't be used: {server.in_words(error)}."
            ) from error

    @property
    def is_unity_catalog(self) -> bool:
        """Whether names have three parts."""
        return self.registry_uri.partition(":")[0] == UNITY_CATALOG

    @property
    def shown(self) -> str:
        """The registry for people."""
        return (
            "Unity Catalog" if self.is_unity_catalog else server.without_password(self.registry_uri)
        )

    def name(self, text: str) -> str:
        """Return a model's name as this registry keeps it.

        Raises:
            ConfigError: it does not take it.
        """
        return check_name(text, self.is_unity_catalog)

    def models(self, limit: int = 500) -> list[RegisteredModel]:
        """Return the registered models that one may see, by name.

        Raises:
            RegistryError: the registry does not answer.
        """
        with self._asked("its models"):
            found: list[Any] = []
            token = None
            while len(found) < limit:
                page = self.client.search_registered_models(max_results=100, page_token=token)
                found += page
                token = page.token
                if not token:
                    break
        return sorted((_model(one) for one in found[:limit]), key=lambda m: m.model)

    def model(self, name: str) -> RegisteredModel:
        """Return a registered model with its aliases.

        Raises:
            RegistryError: there is none, or the registry does not answer.
        """
        name = self.name(name)
        with self._asked(name):
            try:
                return _model(self.client.get_registered_model(name))
            except Exception as error:
                if not is_missing(error):
                    raise
        raise RegistryError(self._no_model(name))

    def ensure(self, name: str) -> bool:
        """Make a registered model if there is none; return whether it was made.

        Raises:
            RegistryError: it can't be made: no such schema, no right to ...
        """
        with self._asked(f"a new model {name}"):
            try:
                self.client.get_registered_model(name)
            except Exception as error:
                if not is_missing(error):
                    raise
                self.client.create_registered_model(name)
                return True
        return False

    def drop_empty(self, name: str) -> None:
        """Delete a registered model that got no version after all, as far as it may."""
        with contextlib.suppress(Exception):
            if not self.client.search_model_versions(f"name='{name}'"):
                self.client.delete_registered_model(name)

    def versions(self, name: str, limit: int = 100) -> list[ModelVersion]:
        """Return the versions of a model, newest first.

        Raises:
            RegistryError: there is no such model, or the registry does not answer.
        """
        model = self.model(name)
        with self._asked(model.model):
            found = list(self.client.search_model_versions(f"name='{model.model}'", limit))
            if self.is_unity_catalog:  # its search leaves tags and aliases out
                found = [self.client.get_model_version(model.model, v.version) for v in found]
        rows = [_version(one, model) for one in found]
        return sorted(rows, key=lambda v: -int(v.version))

    def version(self, name: str, which: str) -> ModelVersion:
        """Return a version.

        Args:
            name: of the model.
            which: number, alias, or `latest`.

        Raises:
            RegistryError: there is none, or the registry does not answer.
        """
        model = self.model(name)
        if which == "latest":
            return self.versions(name)[0] if self.versions(name) else self._none(model, which)
        number = model.aliases.get(which.removeprefix("@"), which.removeprefix("v"))
        if not number.isdigit():
            return self._none(model, which)
        with self._asked(f"{model.model} version {number}"):
            try:
                return _version(self.client.get_model_version(model.model, number), model)
            except Exception as error:
                if not is_missing(error):
                    raise
        return self._none(model, which)

    def point(self, name: str, alias: str, version: str) -> None:
        """Point an alias at a version, away from the one that has it; no gate, see `promote`.

        Args:
            name: of the model.
            alias: of it, e.g. challenger.
            version: number of the version.

        Raises:
            RegistryError: the registry does not take it.
        """
        with self._asked(f"the alias {alias} of {name}"):
            self.client.set_registered_model_alias(name, check_alias(alias), version)

    def tag_model(self, name: str, tags: Mapping[str, str]) -> None:
        """Set tags of a registered model.

        Raises:
            RegistryError: the registry does not take them.
        """
        with self._asked(f"the tags of {name}"):
            for key, value in tags.items():
                self.client.set_registered_model_tag(name, key, value)

    def tag(self, version: ModelVersion, tags: Mapping[str, str]) -> None:
        """Set tags of a version.

        Raises:
            RegistryError: the registry does not take them.
        """
        with self._asked(f"the tags of {version.model} version {version.version}"):
            for key, value in tags.items():
                self.client.set_model_version_tag(version.model, version.version, key, value)

    @contextlib.contextmanager
    def _asked(self, what: str) -> Iterator[None]:
        try:
            yield
        except RegistryError:
            raise
        except Exception as error:
            raise RegistryError(
                f"the model registry {self.shown} does not give {what}: {server.in_words(error)}. "
                "Nothing was changed; try again, or look at your rights there."
            ) from error

    def _no_model(self, name: str) -> str:
        names = [one.model for one in self.models()]
        said = f"{name!r} is not a registered model of {self.shown}."
        if not names:
            return f"{said} There is none yet: `lakesight register RUN --as NAME` makes one."
        shown = ", ".join(names[:10]) + (" ..." if len(names) > 10 else "")
        return f"{said} Models: {shown}.{did_you_mean(name, names)}"

    def _none(self, model: RegisteredModel, which: str) -> ModelVersion:
        known = [v.version for v in self.versions(model.model)]
        shown = ", ".join(known[:10]) or "none"
        aliases = (
            ", ".join(f"{a} (version {v})" for a, v in sorted(model.aliases.items())) or "none"
        )
        raise RegistryError(
            f"{model.model} has no version {which!r}. Versions: {shown}; aliases: {aliases}."
        )


def is_missing(error: Exception) -> bool:
    """Whether an error says that there is no such thing."""
    return getattr(error, "error_code", "") in _MISSING


def _model(found: Any) -> RegisteredModel:
    aliases = {str(a): str(v) for a, v in dict(found.aliases or {}).items()}
    return RegisteredModel(found.name, found.description or "", aliases, dict(found.tags or {}))


def _version(found: Any, model: RegisteredModel) -> ModelVersion:
    number = str(found.version)
    return ModelVersion(
        found.name,
        number,
        found.run_id or "",
        str(found.status),
        (found.creation_timestamp or 0) / 1000,
        found.description or "",
        found.source or "",
        dict(found.tags or {}),
        tuple(sorted(a for a, v in model.aliases.items() if v == number)),
    )
