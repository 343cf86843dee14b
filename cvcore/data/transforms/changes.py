"""The random changes of one sample: drawn once, as plain numbers, before any pixel is touched."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cvcore.config.schema import AugmentConf

NUM_DRAWS = 18
ERASED_AREA = (0.02, 0.2)
"""Smallest and largest erased fraction of the picture, as in Zhong et al. 2017, narrower."""

BLUR_SIGMA_PX = (0.3, 1.5)


@dataclass(frozen=True, slots=True)
class Changes:
    """What happens to one sample; the defaults change nothing.

    Attributes:
        hflip: mirrored left-right.
        vflip: mirrored top-bottom.
        zoom: factor about the image's centre.
        shift_xy: to the right and down, as fractions of the image's width and height.
        rotate_deg: clockwise about the image's centre.
        brightness: factor.
        contrast: factor about the mean grey.
        saturation: factor about each pixel's grey.
        hue: turn of the colour circle, fraction.
        gray: colours removed.
        blur_sigma: of a Gaussian at the model's input size, pixels; 0: none.
        erase_xywh: rectangle as fractions of the model's input, or None.
    """

    hflip: bool = False
    vflip: bool = False
    zoom: float = 1.0
    shift_xy: tuple[float, float] = (0.0, 0.0)
    rotate_deg: float = 0.0
    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0
    gray: bool = False
    blur_sigma: float = 0.0
    erase_xywh: tuple[float, float, float, float] | None = None

    def describe(self) -> str:
        """Return the changes in words, e.g. "hflip, zoom 1.12, shift +3 -5 %"."""
        shift_x, shift_y = (round(100 * part) for part in self.shift_xy)
        words = [
            self.hflip and "hflip",
            self.vflip and "vflip",
            f"{self.zoom:.2f}" != "1.00" and f"zoom {self.zoom:.2f}",
            (shift_x or shift_y) and f"shift {shift_x:+d} {shift_y:+d} %",
            round(self.rotate_deg) and f"rotate {self.rotate_deg:+.0f} deg",
            *(
                f"{value:.2f}" != "1.00" and f"{word} {value:.2f}"
                for word, value in (
                    ("brightness", self.brightness),
                    ("contrast", self.contrast),
                    ("saturation", self.saturation),
                )
            ),
            f"{abs(self.hue):.3f}" != "0.000" and f"hue {self.hue:+.3f}",
            self.gray and "gray",
            self.blur_sigma and f"blur {self.blur_sigma:.1f} px",
            self.erase_xywh and "erase",
        ]
        return ", ".join(word for word in words if word) or "unchanged"


NO_CHANGES = Changes()


def generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Return the generator of one sample in one epoch, whatever process asks for it."""
    return np.random.default_rng((seed, epoch, index))


def draw_changes(conf: AugmentConf, rng: np.random.Generator) -> Changes:
    """Return one sample's changes.

    Every draw is taken whether or not it is used, so that one knob does not move another's draws.
    """
    u = rng.random(NUM_DRAWS).tolist()
    low, high = (math.log(factor) for factor in conf.scale)
    return Changes(
        hflip=u[0] < conf.hflip,
        vflip=u[1] < conf.vflip,
        zoom=math.exp(low + u[2] * (high - low)),
        shift_xy=(_around(0.0, conf.translate, u[3]), _around(0.0, conf.translate, u[4])),
        rotate_deg=_around(0.0, conf.rotate, u[5]),
        brightness=_around(1.0, conf.brightness, u[6]),
        contrast=_around(1.0, conf.contrast, u[7]),
        saturation=_around(1.0, conf.saturation, u[8]),
        hue=_around(0.0, conf.hue, u[9]),
        gray=u[10] < conf.gray,
        blur_sigma=_between(BLUR_SIGMA_PX, u[12]) if u[11] < conf.blur else 0.0,
        erase_xywh=_rectangle(*u[14:18]) if u[13] < conf.erase else None,
    )


def _around(middle: float, most: float, u: float) -> float:
    return middle + most * (2.0 * u - 1.0)


def _between(bounds: tuple[float, float], u: float) -> float:
    return bounds[0] + u * (bounds[1] - bounds[0])


def _rectangle(
    u_area: float, u_aspect: float, u_x: float, u_y: float
) -> tuple[float, float, float, float]:
    area = _between(ERASED_AREA, u_area)
    root = math.sqrt(3.0) ** (2.0 * u_aspect - 1.0)  # aspect between 1:3 and 3:1
    width, height = math.sqrt(area) * root, math.sqrt(area) / root
    return u_x * (1 - width), u_y * (1 - height), width, height
