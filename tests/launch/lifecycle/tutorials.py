"""What the tutorials tell a person to type: their ```sh blocks, and the files that they give."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

FOLDER = Path(__file__).parents[3] / "docs" / "tutorials"
BLOCK = re.compile(r"^```(sh|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page(kind: str) -> Path:
    """Return the tutorial of a task."""
    return FOLDER / f"{kind.replace('_', '-')}.md"


def commands(page: Path) -> list[list[str]]:
    """Return the words after `lakesight` of every command of a page, in its order."""
    found = []
    for block in _blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["lakesight"]:
                found.append(words[1:])
    return found


def files(page: Path) -> dict[str, str]:
    """Return the files that a page gives: the name in a block's first line -> what it holds."""
    blocks = _blocks(page, "yaml")
    return {block.split("\n", 1)[0].lstrip("# "): block for block in blocks}


def typed(words: list[str], folder: Path) -> list[str]:
    """Return the words as a shell in a folder hands them over: patterns are the files they fit."""
    found: list[str] = []
    for word in words:
        fits = sorted(folder.glob(word)) if re.search(r"[*\[]", word) else []
        found += [str(path.relative_to(folder)) for path in fits] or [word]
    return found


def _blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text("utf-8")) if kind == language]
