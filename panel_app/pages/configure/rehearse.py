"""A dry run that tells each stage as it ends: one line of JSON. Run as a module, with overrides."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict
from typing import Any

from cvcore.errors import LakesightError


def main(overrides: list[str]) -> int:
    """Rehearse; returns 0, or 2 if a stage failed."""
    from launch.dry_run.run import STAGES, dry_run

    # What was made is taken away again, also when it is told to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _tell({"stages": list(STAGES)})
    try:
        results = dry_run(overrides, lambda result: _tell(asdict(result)))
    except LakesightError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0 if results.ok else 2


def _tell(value: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(value)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
