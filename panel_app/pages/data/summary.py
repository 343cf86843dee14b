"""The line of figures above a data set."""

from __future__ import annotations

from panel_app.pages.data.opened import Opened
from panel_app.safe import safe

_STYLE = (
    "<style>.figures{display:flex;flex-wrap:wrap;gap:4px 26px;align-items:baseline;font-size:13px}"
    ".figures b{font-size:16px;font-weight:650;font-variant-numeric:tabular-nums;margin-right:5px}"
    ".figures span{opacity:.8}</style>"
)


def summary(opened: Opened) -> str:
    """Return the figures of a data set as HTML."""
    index, inspection = opened.index, opened.inspection
    cells = [(f"{index.count(name):,}", f"{name} images") for name in index.splits]
    cells.append((f"{len(index.labels):,}", "classes"))
    objects = int(index.objects_N.sum())
    if objects and index.kind not in ("classification", "semantic_segmentation"):
        cells.append((f"{objects:,}", "segments" if index.kind.startswith("pan") else "objects"))
    if inspection is not None:
        errors, warnings = inspection.count("error"), inspection.count("warning")
        cells.append((f"{errors:,} / {warnings:,}", "errors / warnings"))
        copies = len(inspection.report["copies"])
        cells.append((f"{copies:,}", f"group{'s' * (copies != 1)} of duplicates"))
        if inspection.report["fingerprint"]:
            cells.append((inspection.report["fingerprint"][:8], "fingerprint"))
    shown = "".join(f"<div><b>{safe(v)}</b><span>{safe(text)}</span></div>" for v, text in cells)
    return f'{_STYLE}<div class="figures">{shown}</div>'
