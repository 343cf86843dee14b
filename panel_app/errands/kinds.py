"""What errands do: each calls what the command line calls, and returns what is JSON-able.

Torch and MLflow's heavy parts stay out of the web process; here they are asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from panel_app.errands.files import Request

Say = Callable[[str], None]
Kind = Callable[[Request, Path, Say], dict[str, Any]]


def register(request: Request, folder: Path, say: Say) -> dict[str, Any]:  # noqa: ARG001
    """Register a run's model. Gives model, version, description and what was not measured."""
    from launch.registry.register import register as do

    given = dict(request.arguments)
    done = do(given.pop("run"), given.pop("model"), by=request.user, say=say, **given)
    return {
        "model": done.version.model,
        "version": done.version.version,
        "description": done.version.description,
        "not_measured": done.not_measured,
    }


def promote(request: Request, folder: Path, say: Say) -> dict[str, Any]:  # noqa: ARG001
    """Judge a version, and move the alias if it passes. Gives verdict, moved, report."""
    from launch.registry.promote import promote as do
    from launch.registry.registry import Registry

    given = dict(request.arguments)
    registry = Registry(given.pop("tracking_uri"))
    done = do(registry, given.pop("model"), given.pop("version"), by=request.user, say=say, **given)
    return {"verdict": done.verdict.to_dict(), "moved": done.moved, "report": done.report}


def export(request: Request, folder: Path, say: Say) -> dict[str, Any]:
    """Write a run's model as ONNX beside the errand. Gives file name, size and what was compared."""
    from launch.registry.export import export_onnx
    from launch.registry.source import source_of

    given = dict(request.arguments)
    source = source_of(given.pop("run"), given.pop("tracking_uri"))
    done = export_onnx(source, folder / given.pop("file"), say=say, **given)
    return {**_plain(asdict(done)), "file": done.file.name}


def smoke(request: Request, folder: Path, say: Say) -> dict[str, Any]:  # noqa: ARG001
    """Send an endpoint one picture and check the answer."""
    from launch.serving.places import get_place
    from launch.serving.smoke import smoke as do

    say("sending a picture; an endpoint that sleeps is woken first")
    tested = do(get_place(request.arguments["place"]), request.arguments["name"])
    return {**_plain(asdict(tested)), "answer": json.dumps(tested.answer)[:4_000]}


def load(request: Request, folder: Path, say: Say) -> dict[str, Any]:  # noqa: ARG001
    """Let callers ask an endpoint of this machine for a while."""
    from launch.serving.load import load as do
    from launch.serving.places import get_place
    from launch.serving.smoke import picture

    given: Mapping[str, Any] = request.arguments
    endpoints = get_place(given["place"])
    data, sent = picture(endpoints, given["name"])
    say(f"{given['callers']} callers ask for {given['seconds']:g} s, each with {sent}")
    found = do(endpoints, given["name"], data, given["seconds"], given["callers"])
    return {**_plain(asdict(found)), "sent": sent}


KINDS: dict[str, Kind] = {
    "register": register,
    "promote": promote,
    "export": export,
    "smoke": smoke,
    "load": load,
}
"""Kind -> its function."""


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(dict(values), default=str))
    return plain
