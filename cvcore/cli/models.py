"""`lakesight models`: the catalogue."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from cvcore.config.schema import TASKS
from cvcore.errors import UnknownOption, did_you_mean

if TYPE_CHECKING:
    from cvcore.config.catalogue import Entry

HELP = "list the models of the catalogue"

EXAMPLES = """examples:
  lakesight models
  lakesight models detection
  lakesight models --json | jq -r '.[].option'

Any other Hugging Face id or local folder works as well, on top of a model of its kind:
  lakesight train model=detection/d_fine_micro model.checkpoint=org/name
"""

COLUMNS = ("model", "licence", "input", "params", "checkpoint")
_RANDOM = "(random weights)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("task", nargs="?", metavar="TASK", help=f"one of: {', '.join(TASKS)}")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the table; returns 0.

    Raises:
        UnknownOption: no such task.
    """
    from cvcore.config.catalogue import catalogue

    if args.task is not None and args.task not in TASKS:
        near = did_you_mean(args.task, TASKS)
        raise UnknownOption(f"{args.task!r} is not a task. Tasks: {', '.join(TASKS)}.{near}")
    entries = catalogue(args.task)
    if args.json:
        print(json.dumps([asdict(entry) for entry in entries], indent=2))
        return 0
    for line in table([COLUMNS, *map(row, entries)]):
        print(line)
    notes = [(f"{entry.option}:", entry.licence_note) for entry in entries if entry.licence_note]
    if notes:
        print("\nOn licences:")
        for line in table(notes):
            print(f"  {line}")
    print("\n* the task's default.  Choose one: lakesight train model=<model>")
    return 0


def row(entry: Entry) -> tuple[str, ...]:
    """Return the cells of one model, in the order of `COLUMNS`."""
    size = "x".join(map(str, entry.image_size))
    params = "" if entry.params_m is None else f"{entry.params_m:g} M"
    mark = " *" if entry.is_default else ""
    return (entry.option + mark, entry.licence, size, params, entry.checkpoint or _RANDOM)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in rows]
