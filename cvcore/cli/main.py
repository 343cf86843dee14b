"""`lakesight <verb>`: the one command.

A verb is a module `cvcore.cli.<verb>` with `HELP` (one line), `add_arguments(parser)` and
`run(args) -> int`. It is imported only when chosen, so that help answers at once. Packages above the
core add verbs of their own as entry points of the group `lakesight.verbs`: verb = such a module.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import NoReturn

from cvcore import __version__
from cvcore.cli.exit import exit_code
from cvcore.errors import LakesightError, did_you_mean

VERBS = {
    "train": "train a model, or go on with a run",
    "evaluate": "evaluate a saved model on a split and write its report",
    "predict": "predict with a saved model on images, folders or a data set",
    "data": "inspect, convert and preview data sets",
    "demo": "train, evaluate and predict on the built-in digits, about 3 minutes on 2 cores",
    "models": "list the models of the catalogue",
    "compose": "show the configuration that overrides give",
}
"""Verb -> its `HELP`, repeated here so that `lakesight --help` imports no verb."""

VERBS_GROUP = "lakesight.verbs"
"""Entry-point group of further verbs."""

EXAMPLES = """examples:
  lakesight train task=detection                 train on the built-in digit scenes
  lakesight train task=detection data=coco data.root=path/to/data
  lakesight models detection                     which models there are
  lakesight compose task=detection optim=sgd     what would run

Overrides are Hydra's: group=option and key=value, after any verb. All groups and keys are in
docs/reference/config.md; sweeps and Hydra's own flags: python -m cvcore.train --help.
"""


class UsageError(LakesightError):
    """A command line that argparse refuses."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. See `{self.prog} --help`.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0, 2 for a user's fault, 130 for Ctrl-C."""
    return exit_code(lambda: _run(list(sys.argv[1:] if argv is None else argv)))


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if words[0] in ("-V", "--version"):
        print(f"lakesight {__version__}")
        return 0
    parser = parser_of(words[0])
    args = parse(parser, words[1:])
    if args.config_dir:
        _add_conf_dirs(args.config_dir)
    return int(_module(words[0]).run(args))


def overview() -> str:
    """Return what `lakesight --help` prints."""
    known = verbs()
    width = max(map(len, known))
    lines = "\n".join(f"  {verb:{width}}  {text}" for verb, text in known.items())
    return (
        "usage: lakesight <verb> [overrides]\n\n"
        "Fine-tune, evaluate and use computer-vision models.\n\n"
        f"verbs:\n{lines}\n\n{EXAMPLES}\n"
        "`lakesight <verb> --help` tells more; `lakesight --version` the version."
    )


def verbs() -> dict[str, str]:
    """Return every verb with its `HELP`: the core's and those of packages above it."""
    added = {verb: import_module(module).HELP for verb, module in _added().items()}
    return {**VERBS, **added}


def _added() -> dict[str, str]:
    """Return the verbs of packages above the core: verb -> its module, sorted."""
    # Costs some 20 ms, so the core's own verbs do without.
    from importlib.metadata import entry_points

    found = entry_points(group=VERBS_GROUP)
    return {point.name: point.value for point in sorted(found) if point.name not in VERBS}


def _module(verb: str) -> ModuleType:
    return import_module(f"cvcore.cli.{verb}" if verb in VERBS else _added()[verb])


def parser_of(verb: str) -> argparse.ArgumentParser:
    """Return the parser of a verb.

    Raises:
        UsageError: no such verb.
    """
    if verb not in VERBS and verb not in (added := _added()):
        known = [*VERBS, *added]
        raise UsageError(
            f"{verb!r} is not a verb. Verbs: {', '.join(known)}.{did_you_mean(verb, known)}"
        )
    module = _module(verb)
    parser = _Parser(
        prog=f"lakesight {verb}",
        description=module.HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    parser.add_argument(
        "--config-dir",
        action="append",
        metavar="DIR",
        help="a folder with options of your own, laid out like conf/; may be repeated",
    )
    return parser


def parse(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    """Parse flags and overrides in any order, which argparse alone does not."""
    args, rest = parser.parse_known_args(words)
    flags = [word for word in rest if word.startswith("-")]
    if flags or (rest and not hasattr(args, "overrides")):
        raise UsageError(f"unknown argument {(flags or rest)[0]!r}. See `{parser.prog} --help`.")
    if rest:
        args.overrides = [*args.overrides, *rest]
    return args


def _add_conf_dirs(folders: list[str]) -> None:
    """Make the folders known to whatever composes in this process and in those it starts."""
    from cvcore.config.paths import CONF_PATH_VARIABLE, default_conf_dir

    known = os.environ.get(CONF_PATH_VARIABLE)
    if not known and default_conf_dir().is_dir():
        known = str(default_conf_dir())
    os.environ[CONF_PATH_VARIABLE] = os.pathsep.join([*([known] if known else []), *folders])


if __name__ == "__main__":
    sys.exit(main())
