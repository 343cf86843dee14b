"""`lakesight register`: a run's model as a version of a registered model."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launch.registry.register import Registered

HELP = "register the model of a run, with its figures, speed, robustness and a model card"

EXAMPLES = """examples:
  lakesight register runs/latest --as cells
  lakesight register 3f2a9c01 --as main.vision.cells --alias challenger    Unity Catalog
  lakesight register runs/latest --as cells --images 0 --no-latency        measure nothing more
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    from launch.cli.open_ledger import add_run

    parser.epilog = EXAMPLES
    add_run(parser)
    parser.add_argument(
        "--as",
        dest="model",
        metavar="NAME",
        help="name of the registered model, in Unity Catalog catalog.schema.model "
        "(default: the run's registry.register_as)",
    )
    parser.add_argument("--alias", default="", help="point it at the new version, e.g. challenger")
    parser.add_argument(
        "--tag", action="append", default=[], metavar="KEY=VALUE", help="of the version; repeatable"
    )
    parser.add_argument(
        "--images",
        type=int,
        default=200,
        help="for the robustness card, on test, else val; 0: none (default: 200)",
    )
    parser.add_argument("--no-latency", action="store_true", help="do not time the model")
    parser.add_argument("--device", default="", help="cpu, cuda or cuda:1")
    parser.add_argument(
        "--registry-uri", default="", metavar="URI", help="default: beside the runs"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Register and say what was made; returns 0.

    Raises:
        LakesightError: the run, the name or the registry can't be used.
    """
    import sys
    from dataclasses import asdict

    from launch.registry.register import name_of, register
    from launch.registry.source import source_of

    source = source_of(args.run, args.tracking_uri)
    done = register(
        source,
        args.model or name_of(source),
        alias=args.alias,
        tags=_tags(args.tag),
        latency=not args.no_latency,
        num_images=max(args.images, 0),
        device=args.device,
        registry_uri=args.registry_uri,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    if args.json:
        version = asdict(done.version)
        facts = json.loads(done.facts.to_json())
        print(json.dumps({"version": version, "uri": done.uri, "facts": facts}, indent=1))
    else:
        print(told(done))
    return 0


def told(done: Registered) -> str:
    """Return what was registered, for a terminal."""
    from cvcore.serve.robustness.record import text

    version = done.version
    alias = "".join(f" @{a}" for a in version.aliases)
    lines = [f"\n{version.model} version {version.version}{alias}: {version.description}"]
    if done.facts.latency_p95_ms is not None:
        about = done.facts.latency or {}
        lines.append(f"one image in {done.facts.latency_p95_ms:.0f} ms (p95) on {about['device']}")
    if done.facts.robustness is not None:
        lines.append(text(done.facts.robustness))
    if done.not_measured:
        lines.append(done.not_measured)
    lines.append(f"next: lakesight promote {version.model} {version.version}")
    return "\n".join(lines)


def _tags(words: list[str]) -> dict[str, str]:
    from cvcore.errors import ConfigError

    tags = {}
    for word in words:
        key, separator, value = word.partition("=")
        if not separator or not key:
            raise ConfigError(f"--tag {word!r} is not KEY=VALUE, e.g. --tag team=lab")
        tags[key] = value
    return tags
