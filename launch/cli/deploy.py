"""`lakesight deploy`: a model behind an endpoint, here or on Databricks Model Serving."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launch.serving.types import Endpoint, Endpoints

HELP = "serve a model behind an endpoint, on this machine or on Databricks"

EXAMPLES = """examples:
  lakesight deploy runs/latest --name parts           an endpoint of this machine
  lakesight deploy parts@champion --name parts        a registered version takes over all traffic
  lakesight deploy parts/4 --name parts --share 10    a canary: 10 % of the traffic
  lakesight deploy main.vision.parts --to databricks serving.workload_type=GPU_SMALL
  lakesight deploy main.vision.parts --to databricks --cost     what it would cost; deploys nothing

A version that is replaced answers until the new one does. Then: lakesight query, lakesight endpoints.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "model",
        metavar="MODEL|RUN",
        help="a run's folder, id or title; name/version or name@alias of a registered model",
    )
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="GROUP.KEY=VALUE",
        help="how it is served (serving.) and watched (monitoring.)",
    )
    parser.add_argument("--to", default="", metavar="PLACE", help="local (default) or databricks")
    parser.add_argument("--name", default="", help="of the endpoint; default: the model's name")
    parser.add_argument(
        "--share", type=int, default=100, metavar="PERCENT", help="of the traffic (default: 100)"
    )
    parser.add_argument("--no-wait", action="store_true", help="do not wait until it answers")
    parser.add_argument("--cost", action="store_true", help="print what it would cost, and end")
    parser.add_argument("--json", action="store_true", help="print JSON")
    from launch.cli.open_ledger import add_uri

    add_uri(parser)


def run(args: argparse.Namespace) -> int:
    """Deploy; returns 0, or 1 if the endpoint does not answer as it should.

    Raises:
        LakesightError: it can't be deployed; nothing was changed.
    """
    from launch.cli.endpoints import as_json, print_changes
    from launch.monitor.settings import monitoring_conf
    from launch.serving.deploy import deploy, serving_conf, wait
    from launch.serving.places import get_place
    from launch.serving.smoke import smoke

    conf = serving_conf(args.overrides)
    watched = any(word.startswith("monitoring.") for word in args.overrides)
    monitoring = monitoring_conf(args.overrides) if watched else None
    place = args.to or conf.place
    if args.cost:
        return _cost(place, conf)
    endpoints = get_place(place, conf.profile)
    made = deploy(
        args.model,
        place=place,
        name=args.name,
        share=args.share,
        conf=conf,
        monitoring=monitoring,
        tracking_uri=args.tracking_uri,
        endpoints=endpoints,
    )
    if place == "databricks" and not args.json:
        _cost(place, conf)
    if args.no_wait:
        print(as_json(made) if args.json else f"{made.name} is {made.state}")
        return 0
    try:
        made = wait(endpoints, made.name, None if args.json else print_changes)
    except KeyboardInterrupt:
        print(f"\nit goes on; lakesight endpoints show {made.name}", file=sys.stderr)
        return 130
    if made.state != "READY":
        _failed(endpoints, made)
        return 1
    tested = smoke(endpoints, made.name)
    if args.json:
        print(as_json(made))
    else:
        _ready(made, f"smoke test with {tested.sent}: {tested.message}")
    return 0 if tested.ok else 1


def _ready(made: Endpoint, tested: str) -> None:
    print(f"{made.name}: {made.url}\n{tested}")
    print(f"Ask it:  lakesight query {made.name} image.jpg")
    if made.place == "local":
        print(f"Stop it: lakesight endpoints stop {made.name}")


def _failed(endpoints: Endpoints, made: Endpoint) -> None:
    print(f"{made.name} is {made.state}: {made.message}", file=sys.stderr)
    what = "build" if "prepared" in made.message else "service"
    tail = endpoints.logs(made.name, what=what).splitlines()[-15:]
    if tail:
        print("\n".join(["the end of its log:", *tail]), file=sys.stderr)


def _cost(place: str, conf: object) -> int:
    from cvcore.config.schema import ServingConf
    from launch.serving.cost import cost

    assert isinstance(conf, ServingConf)
    if place == "local":
        print("an endpoint of this machine costs nothing extra.")
        return 0
    hint = cost(conf.workload_type, conf.workload_size, conf.scale_to_zero, conf.usd_per_dbu)
    print(f"cost: {hint.text}")
    for line in hint.assumptions:
        print(f"  - {line}")
    return 0
