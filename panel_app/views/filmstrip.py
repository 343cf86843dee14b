"""Predictions of the same images at each evaluation, side by side: truth left, prediction right."""

from __future__ import annotations

from collections.abc import Sequence

from panel_app.artifacts import Frame
from panel_app.media import Media
from panel_app.safe import safe


def filmstrip(run_id: str, frames: Sequence[Frame], media: Media) -> str:
    """Return the HTML of the strips, one per image, the newest at the right and in view."""
    by_name: dict[str, list[tuple[int, str]]] = {}
    for frame in frames:
        for path in frame.paths:
            by_name.setdefault(path.rpartition("/")[2], []).append((frame.step, path))
    strips = []
    for number, (_, shots) in enumerate(sorted(by_name.items()), 1):
        pictures = "".join(
            _picture(run_id, number, step, path, media) for step, path in shots[::-1]
        )
        # Reversed twice: so it begins at its right end, without a script.
        strips.append(
            f'<section aria-label="Image {number}" tabindex="0" style="display:flex;'
            "flex-direction:row-reverse;justify-content:flex-end;gap:12px;overflow-x:auto;"
            f'padding:8px 2px 12px">{pictures}</section>'
        )
    return "".join(strips)


def _picture(run_id: str, number: int, step: int, path: str, media: Media) -> str:
    small = media.url("picture", run=run_id, path=path)
    whole = media.url("picture", run=run_id, path=path, whole=True)
    label = f"Image {number} at step {step:,}: truth left, prediction right"
    return (
        f'<figure style="margin:0;flex:none"><a href="{safe(whole)}" target="_blank" rel="noopener">'
        f'<img loading="lazy" src="{safe(small)}" alt="{safe(label)}" style="height:132px;'
        "min-width:132px;object-fit:contain;border-radius:8px;display:block;"
        'background:color-mix(in srgb, currentColor 6%, transparent);image-rendering:auto"></a>'
        f'<figcaption style="font-size:12px;opacity:.76;margin-top:4px">step {step:,}</figcaption>'
        "</figure>"
    )
