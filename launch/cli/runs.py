"""`lakesight runs`: what was submitted, and how it is."""

from __future__ import annotations

import argparse
import json
import time

HELP = "list submitted runs and how they are"

EXAMPLES = """examples:
  lakesight runs
  lakesight runs --limit 5 --json
  lakesight runs --experiment blood-cells
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    from launch.cli.open_ledger import add_uri

    parser.epilog = EXAMPLES
    parser.add_argument("--experiment", default="", help="only runs of this MLflow experiment")
    parser.add_argument("--limit", type=int, default=20, help="most runs shown (default: 20)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_uri(parser)


def run(args: argparse.Namespace) -> int:
    """Print the runs, newest first; returns 0.

    Raises:
        LakesightError: the ledger can't be read.
    """
    from launch.cli.open_ledger import open_ledger
    from launch.search.plan import is_search
    from launch.tags import REASON
    from launch.watch import Watch

    ledger = open_ledger(args)
    # All of them: a run that ended is settled in the ledger whether it is shown or not.
    runs = ledger.runs(args.experiment)
    statuses = Watch(ledger).look(runs)
    rows: list[dict[str, object]] = []
    for one in runs[: max(args.limit, 1)]:
        status = statuses[one.run_id]
        parent = "search" if is_search(one) else "sweep"
        row: dict[str, object] = {
            "run_id": one.run_id,
            "title": one.title,
            "state": str(status.state),
        }
        row |= {"experiment": one.experiment, "launcher": one.handle.launcher or parent}
        # Of a sweep also what came of it.
        reason = status.reason or (one.tags.get(REASON, "") if one.is_sweep else "")
        row |= {"user": one.user, "folder": one.handle.folder, "reason": reason}
        times = {"submitted_at": one.submitted_at, "ended_at": status.ended_at}
        rows.append({**row, **times, "attempt": status.attempt, "parent": one.parent})
    if args.json:
        print(json.dumps(rows, indent=2))
    elif not rows:
        print("no run was submitted yet; start one with: lakesight submit task=detection")
    else:
        print(_table(rows))
    return 0


def _table(rows: list[dict[str, object]]) -> str:
    lines = [("id", "state", "title", "launcher", "user", "submitted", "")]
    for row in rows:
        at = time.strftime("%d %b %H:%M", time.localtime(float(str(row["submitted_at"]))))
        reason = str(row["reason"]).splitlines()[0][:80] if row["reason"] else ""
        title = f"  {row['title']}" if row["parent"] else str(row["title"])
        run_id = str(row["run_id"])[:8]
        launcher, user = str(row["launcher"]), str(row["user"])
        lines.append((run_id, str(row["state"]), title, launcher, user, at, reason))
    widths = [max(len(line[i]) for line in lines) for i in range(6)]
    return "\n".join(
        "  ".join(
            [*(cell.ljust(w) for cell, w in zip(line, widths, strict=False)), line[6]]
        ).rstrip()
        for line in lines
    )
