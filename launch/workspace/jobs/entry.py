"""What a node's Python does with a task; run as a file by a fresh interpreter: `entry.py spec.json`.

As on the platform: a script is exec()'d without `__file__`; a wheel's entry point is called, and
what it returns is ignored: only an exception or a non-zero SystemExit fails the task.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import sys
import traceback
from pathlib import Path
from typing import Any


def entry_point(package: str, name: str) -> Any:
    """Return the function of the wheel's entry point, or `package.name`."""
    try:
        points = importlib.metadata.distribution(package).entry_points
    except importlib.metadata.PackageNotFoundError:
        points = importlib.metadata.EntryPoints()
    for point in points:
        if point.name == name:
            return point.load()
    return getattr(importlib.import_module(package.replace("-", "_")), name)


def run(spec: dict[str, Any]) -> None:
    """Execute the task in this process."""
    sys.argv = [spec["argv0"], *spec["arguments"]]
    if spec["kind"] == "wheel":
        entry_point(spec["package"], spec["entry_point"])()
        return
    code = compile(Path(spec["file"]).read_text(encoding="utf-8"), spec["argv0"], "exec")
    exec(code, {"__name__": "__main__"})  # noqa: S102 (what the platform does)


def main() -> None:
    """Run the task of the file in the first argument; leave error.json beside it on failure."""
    path = Path(sys.argv[1])
    spec = json.loads(path.read_text(encoding="utf-8"))
    try:
        run(spec)
    except SystemExit as stop:
        if stop.code in (None, 0):
            return
        _leave(path, f"SystemExit: {stop.code}")
        raise
    except BaseException as error:  # noqa: BLE001 (the edge)
        _leave(path, f"{type(error).__name__}: {error}")
        traceback.print_exc()
        sys.exit(1)


def _leave(path: Path, error: str) -> None:
    body = {"error": error, "error_trace": traceback.format_exc()}
    path.with_name("error.json").write_text(json.dumps(body), encoding="utf-8")


if __name__ == "__main__":
    main()
