"""Pictures of real handwritten digits on textures: how one scene and one crop are drawn.

Source: scikit-learn `load_digits`, 1,797 scans of 8 x 8 pixels (NIST, via UCI "Optical Recognition
of Handwritten Digits"). Every picture is a pure function of (seed, split, index). Torch-free.

Letters: H, W = height, width of a scene; h, w = of a glyph.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cvcore.data.records import SPLITS, Category

TEXTURES = ("paper", "stripes", "weave")
CATEGORIES = (
    *(Category(digit, str(digit)) for digit in range(10)),
    *(Category(10 + i, texture, isthing=False) for i, texture in enumerate(TEXTURES)),
)
SPLIT_FRACTIONS = (0.7, 0.15, 0.15)
GLYPH_SIZE = (0.2, 0.417)
"""Smallest and largest height of a digit over the scene's: 19 to 40 px in a scene of 96."""

MAX_OVERLAP = 0.1
"""Of the smaller of two digits' rectangles."""


@dataclass(frozen=True, slots=True)
class Glyph:
    """One scan: float32 [8, 8], 0 (paper) to 1 (ink), and its digit."""

    ink_88: NDArray[np.float32]
    digit: int


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture and its exact truth.

    Attributes:
        image_HW3: uint8 [H, W, 3], RGB.
        digits: the digit of each object.
        masks_HW: bool [H, W] of each object's visible pixels, never empty, never overlapping.
        stuff_HW: uint8 [H, W], the category id of the texture under everything.
    """

    image_HW3: NDArray[np.uint8]
    digits: list[int]
    masks_HW: list[NDArray[np.bool_]]
    stuff_HW: NDArray[np.uint8]


def load_glyphs(seed: int) -> dict[str, list[Glyph]]:
    """Return the scans of each split; the splits share no scan, each has every digit."""
    from sklearn.datasets import load_digits

    scans = load_digits()
    inks = (scans.images / 16.0).astype(np.float32)
    rng = np.random.default_rng(seed)
    glyphs: dict[str, list[Glyph]] = {split: [] for split in SPLITS}
    for digit in range(10):
        order = rng.permutation(np.flatnonzero(scans.target == digit))
        ends = np.cumsum(SPLIT_FRACTIONS[:-1]) * len(order)
        for split, part in zip(SPLITS, np.split(order, ends.astype(int)), strict=True):
            glyphs[split] += [Glyph(inks[i], digit) for i in part]
    return glyphs


def draw_scene(rng: np.random.Generator, glyphs: list[Glyph], size: int, max_digits: int) -> Scene:
    """Return a `size` x `size` px scene of 1 to `max_digits` digits that hardly overlap."""
    canvas_HW3, stuff_HW = _background(rng, size, size)
    digits: list[int] = []
    masks: list[NDArray[np.bool_]] = []
    taken: list[tuple[int, int, int, int]] = []
    for _ in range(int(rng.integers(1, max_digits + 1))):
        glyph = glyphs[int(rng.integers(len(glyphs)))]
        alpha_hw = _stroke(rng, glyph, size)
        place = _free_place(rng, alpha_hw.shape, (size, size), taken)
        if place is None:
            continue
        taken.append(place)
        _paint(rng, canvas_HW3, alpha_hw, place)
        mask_HW = np.zeros((size, size), bool)
        left, top, w, h = place
        mask_HW[top : top + h, left : left + w] = alpha_hw > 0.5
        for earlier in masks:
            earlier &= ~mask_HW
        digits.append(glyph.digit)
        masks.append(mask_HW)
    return Scene(_to_uint8(canvas_HW3), digits, masks, stuff_HW)


def draw_crop(rng: np.random.Generator, glyph: Glyph, scene_size: int) -> NDArray[np.uint8]:
    """Return uint8 [H, W, 3]: one digit with an uneven margin, as if cut out of a scene."""
    alpha_hw = _stroke(rng, glyph, scene_size)
    h, w = alpha_hw.shape
    left, top, right, bottom = rng.integers(1, max(3, h // 4), size=4)
    canvas_HW3, _ = _background(rng, top + h + bottom, left + w + right)
    _paint(rng, canvas_HW3, alpha_hw, (int(left), int(top), w, h))
    return _to_uint8(canvas_HW3)


def _stroke(rng: np.random.Generator, glyph: Glyph, size: int) -> NDArray[np.float32]:
    """Return float32 [h, w], 0..1: the scan smoothly enlarged, cut to its ink."""
    h = max(8, round(size * rng.uniform(*GLYPH_SIZE)))
    w = max(6, round(h * rng.uniform(0.8, 1.1)))
    ink_hw = cv2.resize(glyph.ink_88, (w, h), interpolation=cv2.INTER_CUBIC)
    alpha_hw = np.clip((ink_hw - 0.2) / 0.4, 0.0, 1.0).astype(np.float32)
    rows, columns = np.nonzero(alpha_hw > 0.5)
    return alpha_hw[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _free_place(
    rng: np.random.Generator,
    shape_hw: tuple[int, ...],
    size_hw: tuple[int, int],
    taken: list[tuple[int, int, int, int]],
) -> tuple[int, int, int, int] | None:
    """Return (left, top, w, h) that hardly overlaps what is taken, or None after 20 tries."""
    h, w = shape_hw
    for _ in range(20):
        left = int(rng.integers(0, size_hw[1] - w + 1))
        top = int(rng.integers(0, size_hw[0] - h + 1))
        for x, y, other_w, other_h in taken:
            shared_w = min(left + w, x + other_w) - max(left, x)
            shared_h = min(top + h, y + other_h) - max(top, y)
            shared = max(shared_w, 0) * max(shared_h, 0)
            if shared > MAX_OVERLAP * min(w * h, other_w * other_h):
                break
        else:
            return left, top, w, h
    return None


def _paint(
    rng: np.random.Generator,
    canvas_HW3: NDArray[np.float32],
    alpha_hw: NDArray[np.float32],
    place: tuple[int, int, int, int],
) -> None:
    """Blend a stroke of one colour, clearly lighter or darker than its ground, into the canvas."""
    left, top, w, h = place
    ground = canvas_HW3[top : top + h, left : left + w]
    level = float(ground.mean())
    lighter = level < 90 or (level < 165 and rng.random() < 0.5)
    shift = rng.uniform(80, 130)
    color_3 = np.clip(level + (shift if lighter else -shift) + rng.uniform(-30, 30, 3), 0, 255)
    alpha_hw1 = alpha_hw[..., None]
    ground += alpha_hw1 * (color_3.astype(np.float32) - ground)


def _background(
    rng: np.random.Generator, height: int, width: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return float32 [H, W, 3] of one or two textures, and their category ids, uint8 [H, W]."""
    first, second = rng.permutation(len(TEXTURES))[:2]
    canvas_HW3 = _texture(rng, TEXTURES[first], height, width)
    stuff_HW = np.full((height, width), 10 + first, np.uint8)
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * np.pi)
        y_H1, x_1W = np.ogrid[:height, :width]
        offset = rng.uniform(-0.2, 0.2) * min(height, width)
        across_1W = (x_1W - width / 2) * np.cos(angle)
        beyond_HW = across_1W + (y_H1 - height / 2) * np.sin(angle) > offset
        canvas_HW3[beyond_HW] = _texture(rng, TEXTURES[second], height, width)[beyond_HW]
        stuff_HW[beyond_HW] = 10 + second
    return canvas_HW3, stuff_HW


def _texture(
    rng: np.random.Generator, texture: str, height: int, width: int
) -> NDArray[np.float32]:
    """Return float32 [H, W, 3], about 0..255: a base colour and the texture's pattern."""
    base_3 = rng.uniform(60, 195) + rng.uniform(-35, 35, 3)
    y_H1, x_1W = np.ogrid[:height, :width]
    angle, period = rng.uniform(0, np.pi), rng.uniform(6, 14)
    u_HW = (x_1W * np.cos(angle) + y_H1 * np.sin(angle)) * (2 * np.pi / period)
    v_HW = (y_H1 * np.cos(angle) - x_1W * np.sin(angle)) * (2 * np.pi / period)
    if texture == "stripes":
        pattern_HW = np.sin(u_HW)
    elif texture == "weave":
        pattern_HW = np.sign(np.sin(u_HW) * np.sin(v_HW))
    else:
        coarse = rng.normal(size=(max(2, height // 16), max(2, width // 16))).astype(np.float32)
        pattern_HW = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    contrast_3 = rng.uniform(12, 26) * rng.uniform(0.6, 1.0, 3)
    grain_HW1 = 3 * rng.standard_normal((height, width, 1), np.float32)
    colors_HW3 = (base_3 + pattern_HW[..., None] * contrast_3).astype(np.float32)
    return colors_HW3 + grain_HW1


def _to_uint8(canvas_HW3: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.rint(canvas_HW3), 0, 255).astype(np.uint8)
