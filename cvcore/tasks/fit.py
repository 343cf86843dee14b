"""From the model's input back to the image's own size, a few maps at a time.

Letters: B = batch, Q = queries, N = maps, h, w = size of the model's maps, H, W = image size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from cvcore.data.geometry import fit_matrix, fitted_size

_MAX_VALUES = 32_000_000
"""Float values held at once at full size (128 MB): memory does not grow with queries or classes."""


@dataclass(frozen=True)
class Fit:
    """How images were fitted to the model's input.

    Attributes:
        image_size: (height, width) of the input, pixels.
        resize: stretch or letterbox.
    """

    image_size: tuple[int, int]
    resize: str

    def boxes(self, boxes_BQ4: Tensor, sizes_hw: Sequence[tuple[int, int]]) -> Tensor:
        """Return xyxy boxes in the images' own pixels, cut at their borders.

        Args:
            boxes_BQ4: float [B, Q, 4], cxcywh, 0..1 of the model input.
            sizes_hw: (height, width) of the B images, pixels.
        """
        height, width = self.image_size
        scales, limits = [], []
        for size_hw in sizes_hw:
            matrix = fit_matrix(size_hw, self.image_size, self.resize)
            scales.append([width / matrix[0, 0], height / matrix[1, 1]])
            limits.append([size_hw[1], size_hw[0]])
        scale_B12 = boxes_BQ4.new_tensor(scales)[:, None]
        limit_B12 = boxes_BQ4.new_tensor(limits)[:, None]
        half_BQ2 = boxes_BQ4[..., 2:] / 2
        low_BQ2 = (boxes_BQ4[..., :2] - half_BQ2) * scale_B12
        high_BQ2 = (boxes_BQ4[..., :2] + half_BQ2) * scale_B12
        zero = torch.zeros_like(limit_B12)
        return torch.cat([low_BQ2.clamp(zero, limit_B12), high_BQ2.clamp(zero, limit_B12)], dim=-1)

    def chunks(self, maps_Nhw: Tensor, size_hw: tuple[int, int]) -> Iterator[tuple[int, Tensor]]:
        """Yield (index of the first map, float32 [n, H, W]) at the image's own size, bilinear.

        Args:
            maps_Nhw: float [N, h, w] over the model input.
            size_hw: (height, width) of the image, pixels.
        """
        largest = max(size_hw[0] * size_hw[1], self.image_size[0] * self.image_size[1])
        step = max(1, _MAX_VALUES // largest)
        for start in range(0, len(maps_Nhw), step):
            yield start, self._resize(maps_Nhw[start : start + step].float(), size_hw)

    def _resize(self, maps_nhw: Tensor, size_hw: tuple[int, int]) -> Tensor:
        maps_1nhw = maps_nhw[None]
        fitted_hw = fitted_size(size_hw, self.image_size, self.resize)
        if fitted_hw != self.image_size:  # cut the padding off, which needs whole pixels
            maps_1nhw = _bilinear(maps_1nhw, self.image_size)[..., : fitted_hw[0], : fitted_hw[1]]
        return _bilinear(maps_1nhw, size_hw)[0]


def _bilinear(maps_1nhw: Tensor, size_hw: tuple[int, int]) -> Tensor:
    if maps_1nhw.shape[-2:] == size_hw:
        return maps_1nhw
    return interpolate(maps_1nhw, size=size_hw, mode="bilinear", align_corners=False)
