"""Runs the benchmarks and prints one table: ours, a named alternative in the same run, the ratio.

python -m benchmarks                  all of them, about 40 minutes on 2 cores
python -m benchmarks startup demo     some of them
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

BENCHMARKS = (
    "startup",
    "input_pipeline",
    "trainer_overhead",
    "shared_cores",
    "coco_evaluation",
    "batch_inference",
    "data_page",
    "app_pages",
    "app_live",
    "micro_levels",
    "demo",
)
COLUMNS = ("benchmark", "ours", "reference", "unit", "ratio")


def rows_of(names: list[str]) -> Iterator[dict[str, Any]]:
    """Run benchmarks by name; each module has `run() -> list of rows`."""
    for name in names:
        print(f"... {name}", file=sys.stderr, flush=True)
        yield from import_module(f"benchmarks.{name}").run()


def table(rows: list[dict[str, Any]]) -> str:
    """Return a Markdown table; `ratio` above 1 is to our advantage, a note follows below."""
    cells = [[str(row.get(key, "")) for key in COLUMNS] for row in rows]
    head = ["benchmark", "ours", "alternative", "unit", "ratio"]
    widths = [max(len(line[i]) for line in [head, *cells]) for i in range(len(head))]
    lines = [
        "| "
        + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True))
        + " |"
        for line in [head, ["-" * width for width in widths], *cells]
    ]
    notes = [f"- {row['benchmark']}: {row['note']}" for row in rows if row.get("note")]
    return "\n".join([*lines, "", *notes])


def main(words: list[str]) -> int:
    """Run what is named, everything if nothing is; return the exit code."""
    unknown = [word for word in words if word not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {unknown[0]!r}. There are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    print(table(list(rows_of(words or list(BENCHMARKS)))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
