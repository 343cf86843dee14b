"""What a model said of a recorded picture, drawn over it as SVG: masks, or boxes where there are none."""

from __future__ import annotations

import cv2

from cvcore.data import masks
from cvcore.data.records import Rle
from cvcore.monitor.answers import Said
from launch.monitor.record import Record

_COLOURS = ("#168a96", "#d9772b", "#8b62d9", "#d1495b", "#4a9a52", "#3f7fd6", "#c0569b", "#a9850f")
_TOLERANCE_PX = 0.7


def overlay(record: Record) -> str:
    """Return an SVG that fills its place; a class has one colour in it."""
    names = sorted({said.label for said in record.said})
    drawn = "".join(
        _shape(one, record, _COLOURS[names.index(one.label) % len(_COLOURS)]) for one in record.said
    )
    height, width = record.size_hw
    return (
        f'<svg viewBox="0 0 {width} {height}" aria-hidden="true" '
        f'style="position:absolute;inset:0;width:100%;height:100%">{drawn}</svg>'
    )


def _shape(said: Said, record: Record, colour: str) -> str:
    line = f'vector-effect="non-scaling-stroke" stroke="{colour}"'
    if said.mask is not None:
        (height, width), (tall, wide) = record.size_hw, record.picture_hw
        path = _path(said.mask, width / wide, height / tall)
        # Holes stay open.
        return (
            f'<path d="{path}" fill="{colour}" fill-opacity=".35" fill-rule="evenodd" '
            f'stroke-width="1.5" {line}/>'
        )
    if said.box is None:
        return ""
    x1, y1, x2, y2 = said.box
    return (
        f'<rect x="{x1:.1f}" y="{y1:.1f}" width="{max(x2 - x1, 0):.1f}" height="{max(y2 - y1, 0):.1f}" '
        f'fill="none" stroke-width="2" {line}/>'
    )


def _path(rle: Rle, right: float, down: float) -> str:
    """Return the outlines of a mask, outer ones and those of holes, as SVG path data."""
    found, _ = cv2.findContours(masks.decode(rle), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    parts = []
    for contour_N12 in found:
        simple_N12 = cv2.approxPolyDP(contour_N12, _TOLERANCE_PX, closed=True)
        # A contour goes through the middles of pixels.
        points = (f"{(x + 0.5) * right:.1f} {(y + 0.5) * down:.1f}" for [[x, y]] in simple_N12)
        parts.append(f"M{'L'.join(points)}Z")
    return "".join(parts)
