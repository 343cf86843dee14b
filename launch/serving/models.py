"""Which model a word means: a run's folder, a run of the ledger, a registered version."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cvcore.errors import LakesightError, did_you_mean
from launch.errors import LaunchError

_URI = "models:/"
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST = 40


@dataclass(frozen=True)
class ModelRef:
    """A model.

    Attributes:
        name: of the registered model, or the run's folder name.
        version: of the registered model; "" of a folder.
        folder: the saved model folder, absolute; "" of a registered one.
        tracking_uri: of the MLflow server that has it; "" of a folder.
        alias: by which it was asked for; "" if by version.
    """

    name: str
    version: str = ""
    folder: str = ""
    tracking_uri: str = ""
    alias: str = ""

    @property
    def uri(self) -> str:
        """`models:/<name>/<version>`; "" of a folder."""
        return "" if self.folder else f"{_URI}{self.name}/{self.version}"

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name if self.folder else f"{self.name} version {self.version}"

    @property
    def is_of_unity_catalog(self) -> bool:
        """Whether its name has catalog and schema."""
        return not self.folder and self.name.count(".") == 2

    @property
    def served_name(self) -> str:
        """What it is called behind an endpoint: the same for the same model, else another."""
        if not self.folder:
            return f"{_plain(self.name.rpartition('.')[2])}-{self.version}"
        return f"{_plain(self.name)}-{_digest(Path(self.folder))}"

    def to_dict(self) -> dict[str, str]:
        """Return it as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelRef:
        """Return what `to_dict` gave."""
        return cls(**{key: str(values.get(key, "")) for key in cls.__dataclass_fields__})


def resolve(word: str, tracking_uri: str = "") -> ModelRef:
    """Return the model that a person means.

    Args:
        word: a run's folder, its `best`, runs/latest; the id or title of a submitted run;
            models:/name/3, name/3, models:/name@champion, name@champion, or a registered name
            (its newest version). Unity Catalog names have three parts.
        tracking_uri: of the MLflow server; "": as the environment says.

    Raises:
        LakesightError: there is no such model; says what there is.
    """
    path = Path(word).expanduser()
    if path.exists() or path.name == "latest":
        return _of_folder(path)
    if word.startswith(_URI) or "@" in word or re.fullmatch(r"[^/]+/\d+", word):
        return _of_registry(word.removeprefix(_URI), tracking_uri)
    run = _of_run(word, tracking_uri)
    if isinstance(run, ModelRef):
        return run
    try:
        return _of_registry(word, tracking_uri)
    except LakesightError as error:
        raise LaunchError(
            f"{word!r} is no model: it is no folder, no submitted run ({run}) and no registered "
            f"model ({error}). Give a run's folder, a run's id, or models:/name/version."
        ) from error


def _of_folder(path: Path) -> ModelRef:
    from cvcore.serve.find import BEST, model_folder

    folder = model_folder(path).resolve()
    title = folder.parent.name if folder.name == BEST else folder.name
    return ModelRef(title, folder=str(folder))


def _of_run(word: str, tracking_uri: str) -> ModelRef | str:
    """Return the model of a submitted run, or why there is none."""
    from cvcore.serve.find import BEST
    from launch.errors import UnknownRun
    from launch.ledger import Ledger
    from launch.tags import MODEL_URI

    try:
        found = Ledger(tracking_uri).find(word)
    except UnknownRun:
        return "none of this name"
    folder = found.folder
    if folder is None or (found.tags.get(MODEL_URI) and not (folder / BEST).is_dir()):
        raise LaunchError(
            f"the model of {found.title} is not on this machine. Register it (lakesight register "
            f"{found.run_id[:8]} --as NAME), then use the registered version: models:/NAME/version."
        )
    return _of_folder(folder)


def _of_registry(word: str, tracking_uri: str) -> ModelRef:
    """Return a registered version by number, alias, or the newest."""
    name, _, alias = word.partition("@")
    name, _, version = name.rpartition("/") if not alias and "/" in name else (name, "", "")
    registry = _Registry(tracking_uri, name)
    if alias:
        return ModelRef(name, registry.by_alias(alias), tracking_uri=registry.uri, alias=alias)
    return ModelRef(name, registry.checked(version), tracking_uri=registry.uri)


class _Registry:
    """The versions of one registered model."""

    def __init__(self, tracking_uri: str, name: str) -> None:
        from cvcore.metrics import server
        from launch.ledger import Ledger

        self.uri = Ledger(tracking_uri).uri
        self.name = name
        self._client = server.client(self.uri)
        if name.count(".") == 2 and self.uri.startswith("databricks"):
            import mlflow

            self._client = mlflow.MlflowClient(self.uri, registry_uri="databricks-uc")

    def versions(self) -> Sequence[str]:
        """Return the version numbers, newest first."""
        found = self._client.search_model_versions(f"name='{self.name}'")
        numbers = sorted((int(version.version) for version in found), reverse=True)
        if not numbers:
            raise LaunchError(f"{self._where} has no version.{self._nearest()}")
        return [str(number) for number in numbers]

    def checked(self, version: str) -> str:
        """Return a version that is there; "" is the newest."""
        there = self._asked(self.versions)
        if version and version not in there:
            raise LaunchError(
                f"{self._where} has no version {version}. Versions: {', '.join(there[:10])}."
            )
        return str(version or there[0])

    def by_alias(self, alias: str) -> str:
        """Return the version behind an alias."""
        self._asked(self.versions)
        from mlflow.exceptions import MlflowException

        try:
            return str(self._client.get_model_version_by_alias(self.name, alias).version)
        except MlflowException as error:
            raise LaunchError(
                f"{self._where} has no alias {alias!r}. Give a version: {self.name}/1."
            ) from error

    @property
    def _where(self) -> str:
        return f"the registered model {self.name!r}"

    def _nearest(self) -> str:
        names = [model.name for model in self._client.search_registered_models()]
        return (
            f" Registered: {', '.join(names[:10]) or 'none; train with registry.register_as='}."
            f"{did_you_mean(self.name, names)}"
        )

    def _asked(self, what: Any) -> Any:
        from cvcore.metrics import server

        try:
            return what()
        except LakesightError:
            raise
        except Exception as error:
            raise LaunchError(
                f"the registry can't be asked for {self.name!r}: {server.in_words(error)}."
            ) from error


def _plain(name: str) -> str:
    return _NOT_A_NAME.sub("-", name).strip("-")[:_LONGEST] or "model"


def _digest(folder: Path) -> str:
    """Return what changes whenever the folder is written anew."""
    text = "".join(
        f"{path.name}:{path.stat().st_size}:{path.stat().st_mtime_ns};"
        for path in sorted(folder.iterdir())
        if path.is_file()
    )
    return hashlib.sha256(f"{folder}{text}".encode()).hexdigest()[:6]
