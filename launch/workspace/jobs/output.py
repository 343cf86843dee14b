"""What a finished task left to read: its logs and the error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# The platform keeps the end of the logs.
LOG_LIMIT_BYTES = 5_000_000


def logs(folder: Path) -> tuple[str, bool]:
    """Return stdout followed by stderr, the last 5 MB, and whether something was cut."""
    text = b""
    for name in ("stdout", "stderr"):
        if (folder / name).exists():
            text += (folder / name).read_bytes()
    return text[-LOG_LIMIT_BYTES:].decode("utf-8", "replace"), len(text) > LOG_LIMIT_BYTES


def error(folder: Path) -> dict[str, Any]:
    """Return `error` and `error_trace` as the task left them; empty if it left none."""
    try:
        return dict(json.loads((folder / "error.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def failure(folder: Path, code: int) -> str:
    """Return the sentence for a task that ended with this exit code."""
    known = error(folder).get("error")
    if known:
        return f"Workload failed, see run output for details: {known}"
    return f"Workload failed, see run output for details: exit code {code}"
