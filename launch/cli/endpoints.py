"""`lakesight endpoints`: what serves, and all that can be done with an endpoint."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch.errors import LaunchError

if TYPE_CHECKING:
    from launch.serving.types import Endpoint, Endpoints

HELP = "list endpoints; divide traffic, roll back, stop, delete, test them"

EXAMPLES = """examples:
  lakesight endpoints                                what there is, here and on Databricks
  lakesight endpoints show parts                     one, with its requests of the last hour
  lakesight endpoints logs parts                     what its newest version wrote
  lakesight endpoints logs parts parts-4 --build     how a version was built
  lakesight endpoints traffic parts parts-3=50 parts-4=50
  lakesight endpoints traffic parts parts-4=100      the canary takes over; parts-3 ends
  lakesight endpoints rollback parts                 back to what it was before the last change
  lakesight endpoints stop parts                     start begins again with the same address
  lakesight endpoints delete parts --yes
  lakesight endpoints smoke parts --image photo.jpg  is the answer as it should be?
  lakesight endpoints load parts --seconds 10 --callers 4
  lakesight endpoints code parts                     the same request as curl and as Python
"""

ACTIONS = (
    "list",
    "show",
    "logs",
    "traffic",
    "rollback",
    "start",
    "stop",
    "delete",
    "smoke",
    "load",
    "code",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "action", nargs="?", default="list", metavar="ACTION", help=", ".join(ACTIONS)
    )
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help="of the endpoint")
    parser.add_argument(
        "words", nargs="*", metavar="VERSION[=PERCENT]", help="of logs and traffic: served versions"
    )
    parser.add_argument("--on", default="", metavar="PLACE", help="local or databricks")
    parser.add_argument("--profile", help="credentials of the workspace, from ~/.databrickscfg")
    parser.add_argument("--yes", action="store_true", help="with delete: do not ask")
    parser.add_argument("--build", action="store_true", help="with logs: how it was built")
    parser.add_argument("--image", type=Path, help="with smoke and load: a picture to send")
    parser.add_argument("--seconds", type=float, default=10.0, help="with load (10)")
    parser.add_argument("--callers", type=int, default=4, help="with load: how many at once (4)")
    parser.add_argument("--no-wait", action="store_true", help="do not wait for a change")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Do it; returns 0, or 1 if it did not come out well.

    Raises:
        LakesightError: no such endpoint or action, or it can't be done.
    """
    from cvcore.errors import did_you_mean
    from launch.serving.places import find

    if args.action not in ACTIONS:
        raise LaunchError(
            f"{args.action!r} is nothing to do with endpoints. Choices: {', '.join(ACTIONS)}."
            f"{did_you_mean(args.action, ACTIONS)}"
        )
    if args.action == "list":
        return _list(args)
    if not args.name:
        raise LaunchError(f"which endpoint? lakesight endpoints {args.action} NAME")
    endpoints = find(args.name, args.on, args.profile)
    act: dict[str, Callable[[argparse.Namespace, Endpoints], int]] = {
        "show": _show,
        "logs": _logs,
        "traffic": _traffic,
        "rollback": lambda a, e: _changed(a, e, e.roll_back(a.name)),
        "start": lambda a, e: _changed(a, e, e.start(a.name)),
        "stop": _stop,
        "delete": _delete,
        "smoke": _smoke,
        "load": _load,
        "code": _code,
    }
    return act[args.action](args, endpoints)


def _list(args: argparse.Namespace) -> int:
    from launch.serving.places import get_place, has_workspace

    places = [args.on] if args.on else ["local"]
    if not args.on and has_workspace(args.profile):
        places.append("databricks")
    found: list[Endpoint] = []
    for place in places:
        try:
            found += get_place(place, args.profile).all()
        except LaunchError as error:
            if args.on or place == "local":
                raise
            print(f"Databricks: {error}", file=sys.stderr)
    if args.json:
        print(json.dumps([dataclasses.asdict(one) for one in found], indent=2))
    elif not found:
        print("there is no endpoint yet; make one with: lakesight deploy runs/latest")
    else:
        print(_table(found))
    return 0


def _show(args: argparse.Namespace, endpoints: Endpoints) -> int:
    endpoint = endpoints.get(args.name)
    log = getattr(endpoints, "requests_log", None)
    seen = None
    if log is not None:
        from launch.serving.local.requests_log import traffic

        seen = traffic(log(args.name))
    if args.json:
        values: dict[str, Any] = dataclasses.asdict(endpoint)
        values["traffic"] = dataclasses.asdict(seen) if seen else None
        print(json.dumps(values, indent=2))
        return 0
    print(_table([endpoint]))
    for label, text in (("address", endpoint.url), ("page", endpoint.page), ("", endpoint.message)):
        if text:
            print(f"{label}: {text}" if label else text)
    if seen is not None:
        p50, p95 = (f"{v * 1000:.0f} ms" if v else "-" for v in (seen.p50_s, seen.p95_s))
        print(
            f"last hour: {seen.requests} requests, {seen.refused} refused, {seen.failed} failed; "
            f"latency p50 {p50}, p95 {p95}"
        )
    return 0


def _logs(args: argparse.Namespace, endpoints: Endpoints) -> int:
    served = args.words[0] if args.words else ""
    sys.stdout.write(endpoints.logs(args.name, served, "build" if args.build else "service"))
    return 0


def _traffic(args: argparse.Namespace, endpoints: Endpoints) -> int:
    shares = {}
    for word in args.words:
        version, _, share = word.rpartition("=")
        if not version or not share.isdigit():
            raise LaunchError(f"{word!r} is not VERSION=PERCENT, e.g. {args.name}-3=90.")
        shares[version] = int(share)
    if not shares:
        names = " ".join(f"{s.name}={s.share}" for s in endpoints.get(args.name).served)
        raise LaunchError(f"which shares? e.g. lakesight endpoints traffic {args.name} {names}")
    return _changed(args, endpoints, endpoints.set_traffic(args.name, shares))


def _changed(args: argparse.Namespace, endpoints: Endpoints, endpoint: Endpoint) -> int:
    from launch.serving.deploy import wait

    if not args.no_wait:
        endpoint = wait(endpoints, args.name, None if args.json else print_changes)
    print(as_json(endpoint) if args.json else _table([endpoint]))
    return 0 if args.no_wait or endpoint.state == "READY" else 1


def _stop(args: argparse.Namespace, endpoints: Endpoints) -> int:
    endpoint = endpoints.stop(args.name)
    print(as_json(endpoint) if args.json else f"{args.name} is {endpoint.state}")
    return 0


def _delete(args: argparse.Namespace, endpoints: Endpoints) -> int:
    endpoint = endpoints.get(args.name)
    versions = ", ".join(served.name for served in endpoint.served)
    if not args.yes:
        if not sys.stdin.isatty():
            raise LaunchError(f"deleting {args.name} ({versions}) is for good. Say --yes.")
        question = f"Delete {endpoint.place} endpoint {args.name} ({versions}) for good? Its name: "
        if input(question).strip() != args.name:
            print("nothing was deleted")
            return 1
    endpoints.delete(args.name)
    print(f"{args.name} is deleted")
    return 0


def _smoke(args: argparse.Namespace, endpoints: Endpoints) -> int:
    from launch.serving.smoke import smoke

    tested = smoke(endpoints, args.name, args.image)
    if args.json:
        print(json.dumps(dataclasses.asdict(tested), indent=2))
    else:
        print(f"{'ok' if tested.ok else 'NOT ok'}: {tested.sent}: {tested.message}")
        if tested.seconds:
            print(f"{tested.seconds * 1000:.0f} ms, by {tested.served or args.name}")
    return 0 if tested.ok else 1


def _load(args: argparse.Namespace, endpoints: Endpoints) -> int:
    from launch.serving.load import load
    from launch.serving.smoke import picture

    data, sent = picture(endpoints, args.name, args.image)
    found = load(endpoints, args.name, data, args.seconds, args.callers)
    if args.json:
        print(json.dumps(dataclasses.asdict(found), indent=2))
    else:
        times = (found.p50_s, found.p95_s, found.p99_s)
        p50, p95, p99 = (f"{v * 1000:.0f} ms" if v else "-" for v in times)
        print(
            f"{found.callers} callers, {found.seconds:.1f} s, {sent}: {found.per_s:.1f} answers/s, "
            f"p50 {p50}, p95 {p95}, p99 {p99}, {found.errors} of {found.requests} without an answer"
        )
    return 1 if found.errors else 0


def _code(args: argparse.Namespace, endpoints: Endpoints) -> int:
    from launch.serving.snippets import curl, python

    endpoint = endpoints.get(args.name)
    image = str(args.image or "image.jpg")
    print(f"{curl(endpoint, image)}\n\n{python(endpoint, image)}")
    return 0


def print_changes(endpoint: Endpoint) -> None:
    """Print a state that is new."""
    at = time.strftime("%H:%M:%S")
    message = f": {endpoint.message}" if endpoint.message else ""
    print(f"{at}  {endpoint.state}{message}", flush=True)


def as_json(endpoint: Endpoint) -> str:
    """Return an endpoint as JSON."""
    return json.dumps(dataclasses.asdict(endpoint), indent=2)


def _table(endpoints: list[Endpoint]) -> str:
    lines = [("name", "place", "state", "version", "share", "model", "workload")]
    for one in endpoints:
        first: tuple[str, str, str] = (one.name, one.place, str(one.state))
        for served in one.served:
            model = f"{served.model} {served.version}".strip()
            row = (served.name, f"{served.share} %", model, served.workload or served.message)
            lines.append((*first, *row))
            first = ("", "", "")
        if not one.served:
            lines.append((*first, "", "", "", ""))
    widths = [max(len(line[i]) for line in lines) for i in range(7)]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
