"""What `lakesight submit --dry-run` prints."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence

from launch.dry_run.result import StageResult, line
from launch.dry_run.run import dry_run


def run(overrides: Sequence[str], *, as_json: bool = False) -> int:
    """Print each stage as it ends; return 0, or 2 if one failed."""
    start = time.monotonic()

    def tell(result: StageResult) -> None:
        if not as_json:
            sys.stdout.write(line(result) + "\n")
            sys.stdout.flush()

    results = dry_run(overrides, tell)
    if as_json:
        sys.stdout.write(json.dumps(results.to_dict(), indent=1) + "\n")
    else:
        what = "the run may be submitted" if results.ok else "mend this first"
        sys.stdout.write(f"\n{time.monotonic() - start:.0f} s: {what}.\n")
    return 0 if results.ok else 2
