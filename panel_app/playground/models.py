"""Which models can be asked: endpoints of this machine and of a workspace, and what could have one.

A key says in the address which is meant: local/NAME, databricks/NAME, run/ID, version/NAME/NUMBER.
Blocking: call it in threads.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from cvcore.errors import LakesightError, did_you_mean
from cvcore.serve.artifact import FILE
from cvcore.serve.find import BEST
from launch.activity.record import acting
from launch.registry.registry import ModelVersion
from launch.serving.models import ModelRef, resolve
from launch.serving.places import get_place, has_workspace
from launch.serving.types import Endpoint, EndpointError, Endpoints, Wish, check_name
from launch.tags import KIND
from panel_app.models import of
from panel_app.services import Services

MADE_HERE = "play-"
"""How the names of endpoints begin that the playground makes."""

_RUNS = 100
_MODELS = 50
_VERSIONS = 5


@dataclass(frozen=True)
class Model:
    """A model that has no endpoint, or none that the playground must know of.

    Attributes:
        key: in the address.
        title: what people call it.
        word: as commands take it.
        about: more of it, e.g. its aliases.
    """

    key: str
    title: str
    word: str
    about: str = ""


@dataclass(frozen=True)
class Found:
    """What there is.

    Attributes:
        endpoints: of all places, by key.
        models: that could have one, by key.
        faults: what can't be read now, one sentence each.
    """

    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


def find(services: Services, models: Iterable[Model] | None = None) -> Found:
    """Return what there is; what can't be read is a sentence among it.

    Args:
        services: of the process.
        models: as they were read before; None: read them.
    """
    faults: list[str] = []
    endpoints: dict[str, Endpoint] = {}
    for place in ("local", *(["databricks"] if has_workspace() else [])):
        try:
            endpoints |= {f"{place}/{one.name}": one for one in get_place(place).all()}
        except LakesightError as error:
            faults.append(str(error))
    if models is None:
        models = [*_versions(services, faults), *_runs(services, faults)]
    return Found(endpoints, {one.key: one for one in models}, tuple(faults))


def place_of(key: str) -> tuple[Endpoints, str]:
    """Return the endpoints that a key means, and the name there.

    Raises:
        EndpointError: it is no key of an endpoint.
    """
    place, _, name = key.partition("/")
    if not name:
        raise EndpointError(f"{key!r} names no endpoint.")
    return get_place(place), name


def missing(key: str, found: Found) -> str:
    """Return a sentence on a key that means nothing."""
    known = [*found.endpoints, *found.models]
    return f"{key!r} is not there any more, or never was.{did_you_mean(key, known)}"


def deploy(services: Services, model: Model, user: str) -> str:
    """Have this machine answer for a model; return the key of its endpoint, which is being built.

    Raises:
        LakesightError: there is no such model here, or it can't be started.
    """
    ref = _ref(services, model)
    endpoints = get_place("local")
    name = check_name(f"{MADE_HERE}{ref.served_name}"[:63].rstrip("-"))
    known = {one.name: one for one in endpoints.all()}
    if name in known and not known[name].state.answers and known[name].state.is_settled:
        with acting(user):
            endpoints.start(name)
    elif name not in known:
        endpoints.deploy(Wish(name, ref, user=user))
    return f"local/{name}"


def switch(key: str, *, on: bool, user: str) -> None:
    """Start or stop an endpoint of this machine.

    Raises:
        EndpointError: it can't be.
    """
    endpoints, name = place_of(key)
    with acting(user):
        if on:
            endpoints.start(name)
        else:
            endpoints.stop(name)


def _ref(services: Services, model: Model) -> ModelRef:
    kind, _, rest = model.key.partition("/")
    if kind == "version":
        name, _, version = rest.rpartition("/")
        # By its number: the registry was asked when it was listed.
        return ModelRef(name, version, tracking_uri=services.ledger.uri)
    return resolve(model.word)


def _versions(services: Services, faults: list[str]) -> list[Model]:
    try:
        known = of(services)
        names = [one.model for one in known.all()[:_MODELS]]
        versions = [one for name in names for one in known.versions(name)[:_VERSIONS]]
    except LakesightError as error:
        faults.append(str(error))
        return []
    return [_version(one) for one in versions if one.status == "READY"]


def _version(one: ModelVersion) -> Model:
    about = ", ".join(f"@{alias}" for alias in one.aliases)
    word = f"models:/{one.model}/{one.version}"
    key = f"version/{one.model}/{one.version}"
    return Model(key, f"{one.model} version {one.version}", word, about)


def _runs(services: Services, faults: list[str]) -> list[Model]:
    try:
        runs = services.ledger.runs(limit=_RUNS, submitted=False)
    except LakesightError as error:
        faults.append(str(error))
        return []
    found = []
    for run in runs:
        folder = run.folder
        if folder is None or run.tags.get(KIND) or not (folder / BEST / FILE).is_file():
            continue
        title = run.title or run.run_id[:8]
        found.append(Model(f"run/{run.run_id}", title, str(folder), f"run {run.run_id[:8]}"))
    return found
