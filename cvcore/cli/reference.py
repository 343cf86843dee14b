"""The reference pages, written from the schema, the parsers and the docstrings (`make docs`).

python -m cvcore.cli.reference docs/reference
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from cvcore.cli.main import parser_of, verbs
from cvcore.cli.reference_api import api_pages, listed
from cvcore.config.composer import Composer
from cvcore.config.keys import DATA_SCHEMAS, Key, children, groups, leaves
from cvcore.config.schema import COMPUTE_SCHEMAS, ComputeConf, Config, DataConf

_WRITTEN = "Written by `make docs`; change what it is written from."
_WIDTH = "100"
"""Columns of the parsers' help, whatever the terminal."""


def pages() -> dict[str, str]:
    """Return the pages of configuration and commands: file name -> Markdown."""
    return {"config.md": config_page(), "cli.md": cli_page()}


def config_page() -> str:
    """Return every key of the configuration with type, default, bounds and meaning."""
    options = Composer([]).all_options()
    parts = [
        f"# Configuration\n\n{_WRITTEN}\n",
        "Every key of a run. On the command line: `lakesight train optim.learning_rate=1e-4`. The\n"
        "default is the schema's; the chosen options of the groups may set another:\n"
        "`lakesight compose` shows what a run gets.\n",
        "## Run\n",
        _table(key for key in children(Config) if not key.schema),
    ]
    for group in ("run", *groups()):
        schema = next(key.schema for key in children(Config) if key.path == group)
        assert schema is not None
        parts.append(f"## {group}\n")
        if group == "model":
            parts.append("Options: [the catalogue](../models.md).\n")
        elif group in options:
            parts.append(f"Options: {', '.join(f'`{o}`' for o in options[group])}.\n")
        parts.append(_table(leaves(schema, f"{group}.")))
        if group == "data":
            parts += _variants(group, DataConf, DATA_SCHEMAS)
        if group == "compute":
            parts += _variants(group, ComputeConf, COMPUTE_SCHEMAS)
    experiments = ", ".join(f"`{option}`" for option in options["experiment"])
    parts.append(
        f"## experiment\n\nWhole recipes: {experiments}. They choose options and set keys.\n"
    )
    return "\n".join(parts)


def _variants(group: str, base: type, schemas: Mapping[str, type]) -> Iterable[str]:
    """Yield a table of the keys that an option has beyond its group's, for each option."""
    common = {key.path for key in children(base, f"{group}.")}
    for option, schema in schemas.items():
        own = [key for key in children(schema, f"{group}.") if key.path not in common]
        if own:
            yield f"### {group}={option}\n"
            yield _table(own)


def _table(keys: Iterable[Key]) -> str:
    lines = ["| key | type | default | allowed | what |", "|---|---|---|---|---|"]
    for key in keys:
        info = key.info
        if info is None:
            lines.append(f"| `{key.path}` | {_cell(key.type)} | {_value(key.default)} | | |")
            continue
        unit = f" ({info.unit})" if info.unit else ""
        lines.append(
            f"| `{key.path}` | {_cell(key.type)} | {_value(key.default)} | {_allowed(key)} "
            f"| {_cell(info.help)}{unit} |"
        )
    return "\n".join(lines) + "\n"


def _allowed(key: Key) -> str:
    assert key.info is not None
    if key.info.choices:
        return ", ".join(f"`{choice}`" for choice in key.info.choices)
    if not key.info.bounds:
        return ""
    low, high = key.info.bounds
    if high is None:
        return f"from {low}"
    return f"up to {high}" if low is None else f"{low} to {high}"


def _value(value: object) -> str:
    if value is None:
        return "null"
    return "required" if value == "???" else f"`{value}`" if value != "" else "empty"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def cli_page() -> str:
    """Return the help of every verb."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = _WIDTH
    try:
        helps = {verb: parser_of(verb).format_help().rstrip() for verb in verbs()}
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    parts = [
        f"# Commands\n\n{_WRITTEN}\n",
        "Exit codes: 0 done, 1 done with findings (`data inspect`, `predict`), 2 refused in one\n"
        "sentence, 130 Ctrl-C, 143 SIGTERM.\n",
    ]
    for verb, text in helps.items():
        parts.append(f"## lakesight {verb}\n\n```\n{text}\n```\n")
    return "\n".join(parts)


def main(folder: Path) -> None:
    """Write all pages into a folder, which lists those of the API (`reference_api.LIST`)."""
    for name, text in {**pages(), **api_pages(listed(folder))}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
        print(folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference"))
