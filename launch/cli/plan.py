"""`lakesight plan`: memory, time and cost of a training, before it is paid for."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

HELP = "estimate memory, time and cost of a training, and what to choose, before paying"

EXAMPLES = """examples:
  lakesight plan task=detection model=detection/rf_detr_nano data=coco data.root=path
  lakesight plan model=classification/vit_base --cloud azure
  lakesight plan --node g5.12xlarge --nodes 2            two machines with four GPUs each
  lakesight plan --prices mine.yaml --dbu-usd-per-hour 0.9
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    from launch.plan.duration import UTILISATION
    from launch.plan.hardware import CLOUDS

    parser.epilog = EXAMPLES
    parser.add_argument(
        "--node", action="append", default=[], metavar="TYPE", help="a node type; may be repeated"
    )
    parser.add_argument(
        "--cloud", choices=(*CLOUDS, "all"), default="aws", help="whose machines (default: aws)"
    )
    parser.add_argument("--nodes", type=int, default=1, help="machines per run (default: 1)")
    parser.add_argument(
        "--prices", type=Path, metavar="FILE", help="YAML of your prices: node type: USD per hour"
    )
    parser.add_argument(
        "--dbu-usd-per-hour",
        type=float,
        default=0.0,
        help="the platform's charge per machine and hour, US dollars (default: 0)",
    )
    parser.add_argument(
        "--utilisation",
        type=float,
        default=UTILISATION,
        help="share of a GPU's peak that is reached (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("overrides", nargs="*", help="group=option and key=value")


def run(args: argparse.Namespace) -> int:
    """Print the plan; returns 0.

    Raises:
        LakesightError: the configuration, the data, the model or an argument can't be used.
    """
    from cvcore.config.composer import load
    from launch.plan import hardware, plan, probe, text

    _check(args)
    nodes = hardware.nodes(args.node, args.cloud, _prices(args.prices))
    config = load(args.overrides)
    sizes = [node.num_gpus * args.nodes for node in nodes]
    found = plan.make(
        config,
        probe.run(config, [*plan.WORLD_SIZES, *sizes]),
        nodes,
        num_nodes=args.nodes,
        utilisation=args.utilisation,
        dbu_usd_per_hour=args.dbu_usd_per_hour,
    )
    print(json.dumps(found.to_dict(), indent=1) if args.json else text.text(found))
    return 0


def _check(args: argparse.Namespace) -> None:
    from cvcore.errors import ConfigError

    if not 0 < args.utilisation <= 1:
        raise ConfigError(f"--utilisation {args.utilisation} is not a share: above 0, at most 1.")
    if not 1 <= args.nodes <= 64:
        raise ConfigError(f"--nodes {args.nodes}: give 1 to 64.")
    if args.dbu_usd_per_hour < 0:
        raise ConfigError(f"--dbu-usd-per-hour {args.dbu_usd_per_hour} is below 0.")


def _prices(file: Path | None) -> dict[str, float]:
    """Return a user's prices.

    Raises:
        ConfigError: the file can't be read or holds something else.
    """
    import yaml

    from cvcore.errors import ConfigError

    if file is None:
        return {}
    try:
        found: Any = yaml.safe_load(file.read_text())
        prices = {str(key): float(value) for key, value in found.items()}
    except (OSError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise ConfigError(
            f"--prices {file} can't be used ({error}). Give a YAML file with lines such as "
            "`g5.xlarge: 0.95` (US dollars per hour)."
        ) from error
    for key, value in prices.items():
        if not 0 <= value < 100_000:
            raise ConfigError(f"--prices {file}: {key} costs {value}; give US dollars per hour.")
    return prices
