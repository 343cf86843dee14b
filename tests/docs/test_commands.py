"""What the pages tell to type is taken by the real parsers, and what they import is there."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from cvcore.cli import main
from cvcore.cli.main import parse
from cvcore.cli.reference_api import Sources
from cvcore.config.check import check
from cvcore.config.composer import Composer
from cvcore.errors import LakesightError

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if "reference" not in page.parts),
]
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`lakesight ([^`]+)`")
COMMENT = re.compile(r"(\s{2,}\S|\s+#|\s+(&&|\||>)\s|[;,]\s).*")
"""Prose beside a command, after two spaces, # or a comma; or what the shell does next."""
parser_of, verbs = cache(main.parser_of), cache(main.verbs)
OURS = ("cvcore", "launch", "panel_app")
OTHERS = {"experiment=cells_small"}
"""Options that a page's reader has made."""


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words after `lakesight` of each command in a fence."""
    for language, block in FENCE.findall(text):
        if language in ("", "sh", "bash"):
            for line in block.replace("\\\n", "").splitlines():
                if line.startswith("lakesight "):
                    # Continued lines are indented.
                    yield shlex.split(COMMENT.sub("", re.sub(r"(?<=\S)  +(?=\S+=)", " ", line)))[1:]


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    found = set(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found = found.union(*map(options_of, action.choices.values()))
    return found


@pytest.fixture(scope="module")
def options() -> dict[str, list[str]]:
    return Composer([]).all_options()


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_its_commands_are_taken(page: Path, options: dict[str, list[str]]) -> None:
    text = page.read_text(encoding="utf-8")
    refused = []
    for verb, *words in commands(text):
        try:
            given = parse(parser_of(verb), [w for w in words if w != "[overrides]"])
            overrides = {o for o in getattr(given, "overrides", None) or [] if "=" in o}
            if not given.config_dir:
                known = [o for o in overrides - OTHERS if "..." not in o and "<" not in o]
                check(known, options, for_hydra=True)
        except LakesightError as error:
            refused.append(f"lakesight {shlex.join([verb, *words])}: {error}")
    # In a sentence a command may be a part of one.
    for verb, *words in map(str.split, INLINE.findall(text)):
        if verb not in verbs() and not verb.startswith(("-", "<")):
            refused.append(f"lakesight {verb}: no such verb")
        elif verb in verbs():
            unknown = {w for w in words if w.startswith("-")} - options_of(parser_of(verb))
            refused += [f"lakesight {verb} {word}: no such option" for word in unknown]
    assert not refused


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_its_python_names_what_is_there(page: Path) -> None:
    for language, block in FENCE.findall(page.read_text(encoding="utf-8")):
        if language == "python":
            assert not wrong(ast.parse(block))


def wrong(tree: ast.Module) -> list[str]:
    """Names that modules of ours do not have, and arguments that their functions do not take."""
    sources, functions, found = Sources(), {}, []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OURS:
            for one in node.names:
                try:
                    functions[one.name] = sources.get(str(node.module), one.name)
                except LakesightError as error:
                    found.append(str(error))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = functions.get(node.func.id)
            if called is not None and called.is_function:
                known = {p.name for p in called.parameters}
                given = {str(keyword.arg) for keyword in node.keywords}
                found += [f"{node.func.id} takes no {name}" for name in given - known]
    return found
