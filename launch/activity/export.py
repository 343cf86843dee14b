"""The activity log as a file: CSV for spreadsheets, JSON lines for programs."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Sequence

from cvcore.errors import ConfigError, did_you_mean
from launch.activity.entry import Entry

FORMATS = ("csv", "jsonl")
_HEADS = ("time", "user", "action", "subject", "outcome", "detail", "host")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def exported(entries: Sequence[Entry], form: str) -> str:
    """Return entries as text.

    Raises:
        ConfigError: there is no such format.
    """
    if form == "jsonl":
        return "".join(f"{one.to_json()}\n" for one in entries)
    if form != "csv":
        raise ConfigError(
            f"{form!r} is no format of the activity log. Formats: {', '.join(FORMATS)}."
            f"{did_you_mean(form, FORMATS)}"
        )
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_HEADS)
    writer.writerows([_cell(value) for value in row(one)] for one in entries)
    return out.getvalue()


def row(entry: Entry) -> tuple[str, ...]:
    """Return an entry as texts: time (UTC), user, action, subject, outcome, detail, host."""
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(entry.at))
    detail = ", ".join(f"{key}={value}" for key, value in entry.detail.items())
    return (at, entry.user, entry.action, entry.subject, entry.outcome, detail, entry.host)


def _cell(text: str) -> str:
    """Keep a spreadsheet from computing what somebody called a run."""
    return f"'{text}" if text.startswith(_FORMULA) else text
