"""The statistics of an inspected data set: tables of numbers as HTML, plots with Bokeh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import panel as pn
from bokeh.models import ColumnDataSource, FactorRange, HoverTool
from bokeh.plotting import figure
from bokeh.transform import factor_cmap

from panel_app.data.inspection import Inspection
from panel_app.pages.data.opened import Opened
from panel_app.safe import safe

_COLOURS = {"train": "#1a8a91", "val": "#d9822b", "test": "#8a5bd1"}
_OTHER = "#5b6b71"
_MOST_CLASSES = 30


class Statistics:
    """Plots and numbers; built when it is first looked at."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self.view = pn.Column(sizing_mode="stretch_width")
        self._shown: Inspection | None = None

    async def show(self, opened: Opened, _values: Mapping[str, str]) -> None:
        """Show an inspection."""
        inspection = opened.inspection
        if inspection is None or inspection is self._shown:
            return
        self._shown = inspection
        report = inspection.report
        found, plots = report["statistics"], report["histograms"]
        cards: list[Any] = []
        splits = list(plots["sizes"])
        if found is not None:
            plot = _classes(found)
            cards.append(_card("Classes", _classes_unit(found), plot, list(found), wide=True))
        for name, title, unit, log in (
            ("objects", "Objects per image", "images by their number of objects", False),
            ("box_side", "Size of boxes", "square root of the area, pixels", True),
            ("box_aspect", "Shape of boxes", "width / height", True),
            ("brightness", "Brightness", "mean grey value of images, 0 to 255", False),
        ):
            if name in plots:
                cards.append(_card(title, unit, _histogram(plots[name], log), splits))
        plot = _sizes(plots["sizes"])
        cards.insert(1, _card("Size of images", "width and height, pixels", plot, splits))
        parts: list[Any] = [
            pn.FlexBox(*cards, gap="14px", sizing_mode="stretch_width", margin=(14, 0))
        ]
        if found is not None:
            parts.append(pn.pane.HTML(_table(found), sizing_mode="stretch_width", margin=(8, 0)))
        self.view.objects = parts

    def close(self) -> None:
        """Nothing is held."""


def _card(title: str, under: str, plot: Any, splits: Sequence[str], *, wide: bool = False) -> Any:
    key = "".join(
        f'<span style="display:inline-block;width:10px;height:10px;border-radius:3px;margin:0 5px 0 10px;'
        f'background:{_COLOURS.get(split, _OTHER)}"></span>{safe(split)}'
        for split in splits
    )
    return pn.Column(
        pn.pane.HTML(
            f'<div style="font-size:14px;font-weight:650">{safe(title)}</div>'
            f'<div style="font-size:12px;opacity:.85">{safe(under)}{key}</div>',
            margin=(10, 14, 4, 14),
            sizing_mode="stretch_width",
        ),
        pn.pane.Bokeh(plot, sizing_mode="stretch_width", margin=(0, 8, 8, 8)),
        width=480 if wide else 400,
        styles={
            "border": "1px solid color-mix(in srgb, currentColor 16%, transparent)",
            "border-radius": "10px",
        },
    )


def _figure(**options: Any) -> Any:
    plot = figure(
        sizing_mode="stretch_width",
        toolbar_location=None,
        tools="",
        min_border_right=16,
        **{"height": 230, **options},
    )
    plot.xgrid.grid_line_alpha = plot.ygrid.grid_line_alpha = 0.5
    return plot


def _classes_unit(found: Mapping[str, Any]) -> str:
    each = next(iter(found.values()))["classes"]
    if any(one["pixels"] is not None for one in each):
        return "share of the labelled pixels, by split"
    return "objects of each class, by split"


def _classes(found: Mapping[str, Any]) -> Any:
    totals: dict[str, float] = {}
    numbers: dict[tuple[str, str], float] = {}
    for split, each in found.items():
        pixels = sum(one["pixels"] or 0 for one in each["classes"])
        for one in each["classes"]:
            value = one["objects"] if not pixels else 100 * (one["pixels"] or 0) / pixels
            numbers[one["label"], split] = value
            totals[one["label"]] = totals.get(one["label"], 0) + value
    kept = sorted(totals, key=lambda name: -totals[name])[:_MOST_CLASSES]
    splits = list(found)
    factors = [(name[:60], split) for name in reversed(kept) for split in reversed(splits)]
    values = [numbers[name, split] for name in reversed(kept) for split in reversed(splits)]
    source = ColumnDataSource(
        {
            "y": factors,
            "value": values,
            "label": [one for one, _ in factors],
            "split": [split for _, split in factors],
        }
    )
    plot = _figure(
        y_range=FactorRange(factors=factors, group_padding=0.6, factor_padding=0),
        height=max(230, 30 + len(kept) * (10 + 11 * len(splits))),
    )
    plot.hbar(
        y="y",
        right="value",
        height=0.95,
        source=source,
        line_color=None,
        fill_color=factor_cmap(
            "y", [_COLOURS.get(one, _OTHER) for one in splits], splits, start=1, end=2
        ),
    )
    plot.yaxis.major_label_text_alpha = 0  # the split is said by colour and when pointed at
    plot.yaxis.major_tick_line_color = None
    plot.yaxis.group_label_orientation = "horizontal"
    plot.yaxis.group_text_font_size = "11px"
    plot.yaxis.separator_line_alpha = 0
    plot.x_range.start = 0
    plot.xaxis.formatter.use_scientific = False
    plot.add_tools(
        HoverTool(tooltips=[("class", "@label"), ("split", "@split"), ("", "@value{0,0.[00]}")])
    )
    return plot


def _histogram(values: Mapping[str, Any], log: bool) -> Any:
    edges = values["edges"]
    plot = _figure(x_axis_type="log" if log else "linear")
    for split, counts in values["counts"].items():
        colour = _COLOURS.get(split, _OTHER)
        total = sum(counts) or 1
        shares = [100 * number / total for number in counts]
        data = {"left": edges[:-1], "right": edges[1:], "share": shares, "number": counts}
        drawn = plot.quad(
            left="left",
            right="right",
            bottom=0,
            top="share",
            source=ColumnDataSource(data),
            fill_color=colour,
            fill_alpha=0.35,
            line_color=colour,
        )
        plot.add_tools(
            HoverTool(
                renderers=[drawn],
                tooltips=[
                    ("", f"{split}: @left{{0.[00]}} to @right{{0.[00]}}"),
                    ("", "@number{0,0}"),
                ],
            )
        )
    plot.yaxis.axis_label = "% of the split"
    plot.y_range.start = 0
    return plot


def _sizes(values: Mapping[str, Any]) -> Any:
    plot = _figure()
    most = max((one[2] for rows in values.values() for one in rows), default=1)
    for split, rows in values.items():
        if rows:
            widths, heights, numbers = zip(*rows, strict=True)
            data = {
                "x": widths,
                "y": heights,
                "number": numbers,
                "size": [6 + 18 * (number / most) ** 0.5 for number in numbers],
            }
            plot.scatter(
                "x",
                "y",
                size="size",
                source=ColumnDataSource(data),
                color=_COLOURS.get(split, _OTHER),
                fill_alpha=0.5,
            )
    plot.add_tools(HoverTool(tooltips=[("size", "@x x @y"), ("images", "@number{0,0}")]))
    plot.xaxis.axis_label, plot.yaxis.axis_label = "width", "height"
    return plot


def _table(found: Mapping[str, Any]) -> str:
    rows = [
        ("Images", lambda s: f"{s['num_images']:,}"),
        ("Images without objects", lambda s: f"{s['num_without']:,}"),
        ("Objects", lambda s: f"{sum(c['objects'] for c in s['classes']):,}"),
        ("Width, median (5 to 95 %)", lambda s: _spread(s["width"])),
        ("Height, median (5 to 95 %)", lambda s: _spread(s["height"])),
        ("Objects per image, median (5 to 95 %)", lambda s: _spread(s["objects_per_image"])),
        ("Box side, median (5 to 95 %)", lambda s: _spread(s["box_side"])),
        ("Small / medium / large boxes", lambda s: _by_size(s["boxes_by_size"])),
        ("Contrast, median (5 to 95 %)", lambda s: _spread(s["contrast"])),
    ]
    head = "".join(f'<th scope="col">{safe(name)}</th>' for name in found)
    body = "".join(
        f'<tr><th scope="row">{safe(text)}</th>'
        + "".join(f"<td>{safe(say(each))}</td>" for each in found.values())
        + "</tr>"
        for text, say in rows
    )
    return (
        "<style>.facts{border-collapse:collapse;font-size:13px}.facts th{text-align:left;"
        "font-weight:500;opacity:.85}.facts th,.facts td{padding:6px 22px 6px 0;border-bottom:1px "
        "solid color-mix(in srgb,currentColor 14%,transparent)}.facts thead th,.facts td"
        "{text-align:right;font-variant-numeric:tabular-nums}</style>"
        f'<table class="facts"><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def _spread(one: Mapping[str, float] | None) -> str:
    if one is None:
        return "-"
    return f"{one['median']:,.4g} ({one['p5']:,.4g} to {one['p95']:,.4g})"


def _by_size(sizes: Mapping[str, int]) -> str:
    numbers = [sizes.get(name, 0) for name in ("small", "medium", "large")]
    return " / ".join(f"{number:,}" for number in numbers) if any(numbers) else "-"
