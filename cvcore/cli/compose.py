"""`lakesight compose`: the configuration that overrides give, before anything runs."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

HELP = "show the configuration that overrides give"

EXAMPLES = """examples:
  lakesight compose task=detection optim.learning_rate=1e-3
  lakesight compose experiment=bccd_detection --diff
  lakesight compose model=detection/d_fine_micro --json | jq .model
  lakesight compose --no-resolve              keep ${model.recipe.learning_rate} and the like
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("overrides", nargs="*", help="group=option and key=value")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print JSON instead of YAML")
    shape.add_argument(
        "--diff", action="store_true", help="print only what differs from the task's defaults"
    )
    parser.add_argument(
        "--resolve",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="put values in place of references such as ${model.recipe.learning_rate}",
    )


def run(args: argparse.Namespace) -> int:
    """Print the configuration, then refuse it if it cannot run.

    Raises:
        ConfigError: it cannot be composed, or (after it is printed) has values out of bounds.
    """
    from omegaconf import OmegaConf

    from cvcore.config.composer import Composer
    from cvcore.config.validate import plain

    composer = Composer()
    composed = composer.compose(args.overrides)
    values = plain(composed, resolve=args.resolve)
    if args.json:
        print(json.dumps(values, indent=2))
    elif args.diff:
        print(f"# {composer.command(args.overrides)}")
        defaults = composer.compose([f"task={composed.task.kind}"])
        for key, before, after in difference(plain(defaults, resolve=args.resolve), values):
            print(f"{key}: {before} -> {after}")
    else:
        print(f"# {composer.command(args.overrides)}")
        print(OmegaConf.to_yaml(composed, resolve=args.resolve), end="")
    sys.stdout.flush()
    composer.load(args.overrides)
    return 0


def difference(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (key, value before, value after) of each leaf that differs, as JSON texts."""
    old, new = dict(_leaves(before, "")), dict(_leaves(after, ""))
    return [
        (key, old.get(key, "(none)"), new.get(key, "(none)"))
        for key in dict.fromkeys([*new, *old])
        if old.get(key) != new.get(key)
    ]


def _leaves(value: Any, path: str) -> list[tuple[str, str]]:
    if isinstance(value, dict) and value:
        prefix = f"{path}." if path else ""
        return [leaf for key, item in value.items() for leaf in _leaves(item, f"{prefix}{key}")]
    return [(path, json.dumps(value))]
