"""docs/troubleshooting.md, written from the checks themselves: `python -m launch.doctor.page FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

from launch.doctor.run import CHECKS

_HEAD = """# Troubleshooting

Written from the checks of `lakesight doctor` by `python -m launch.doctor.page docs/troubleshooting.md`; a
test holds it to them.

```
lakesight doctor                              this machine
lakesight doctor --databricks compute=databricks_cluster tracking.experiment=/Shared/lakesight
lakesight doctor --json
```

Each line is ok, warn, fail or skipped, and says what mends it. Exit code: 0, or 1 if a line says fail.
It takes the overrides of the run that is meant. `--databricks` uses the credentials of the environment
(`databricks auth login`, or DATABRICKS_HOST and DATABRICKS_TOKEN), as `lakesight submit` does.
"""
_TITLES = {"local": "This machine", "databricks": "The workspace"}


def page() -> str:
    """Return the page."""
    parts = [_HEAD]
    for where, title in _TITLES.items():
        parts.append(f"## {title}\n")
        parts += [
            f"### {check.key}\n\n{check.looks_at} Otherwise: {check.otherwise}\n\n"
            f"```\n{check.mended_by()}\n```\n"
            for check in CHECKS
            if check.where == where
        ]
    return "\n".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page())
