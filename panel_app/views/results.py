"""The figures that a run came to: best on validation, on test, newest on validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from panel_app.views.table import table

_COLUMNS = {
    "best": "best model on val",
    "test": "best model on test",
    "val": "newest on val",
}
_ENDS = ("_low", "_high")


def results(metrics: Mapping[str, float], metric: str) -> str:
    """Return the HTML of a run's figures, "" if there is none; the one that counts comes first.

    Args:
        metrics: newest value of each metric.
        metric: the one that counts, without its split.
    """
    found: dict[str, dict[str, str]] = {}
    for key, value in metrics.items():
        prefix, _, name = key.partition("/")
        if prefix not in _COLUMNS or not name or name.endswith(_ENDS):
            continue
        text = f"{value:,.0f}" if name.startswith("num_") or abs(value) >= 1_000 else f"{value:.4f}"
        low, high = (metrics.get(f"{key}{end}") for end in _ENDS)
        if low is not None and high is not None:
            text += f"  (95 %: {low:.4f} to {high:.4f})"
        found.setdefault(name, {})[prefix] = text
    if not found:
        return ""
    used = [prefix for prefix in _COLUMNS if any(prefix in row for row in found.values())]
    names = sorted(found, key=lambda name: (name != metric, "/" in name, name))
    rows = [(name, *(found[name].get(prefix, "") for prefix in used)) for name in names]
    heads = ("figure", *(_COLUMNS[prefix] for prefix in used))
    return table(heads, rows, caption="Figures", marked=[name == metric for name in names])


def side_by_side(runs: Sequence[Mapping[str, float]], titles: Sequence[str], metric: str) -> str:
    """Return the HTML of the final figures of several runs, "" if there is none.

    Args:
        runs: newest value of each metric, of each run.
        titles: of the runs.
        metric: the one that counts, without its split.
    """
    keys = {
        key
        for run in runs
        for key in run
        if key.startswith(tuple(f"{prefix}/" for prefix in _COLUMNS)) and not key.endswith(_ENDS)
    }
    order = list(_COLUMNS)

    def rank(key: str) -> tuple[int, bool, str]:
        prefix, _, name = key.partition("/")
        return (order.index(prefix), name != metric, name)

    rows = [
        (key, *("" if run.get(key) is None else f"{run[key]:.4f}" for run in runs))
        for key in sorted(keys, key=rank)
    ]
    marked = [row[0].partition("/")[2] == metric for row in rows]
    return table(("figure", *titles), rows, caption="Figures", marked=marked) if rows else ""
