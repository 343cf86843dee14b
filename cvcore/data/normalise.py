"""The last step of the input, done on the device: uint8 pixels to normalised floats."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def normalise(
    pixel_values: torch.Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    dtype: torch.dtype = torch.float32,
) -> torch.Tensor:
    """Return (pixel / 255 - mean) / std on the tensor's own device.

    Args:
        pixel_values: uint8 [B, 3, H, W], RGB, in any memory format; the result is contiguous.
        mean: of each channel, 0..1.
        std: of each channel, 0..1.
        dtype: of the result; the arithmetic is float32.
    """
    scale_C11, shift_C11 = (
        torch.tensor(values, dtype=torch.float32, device=pixel_values.device).view(-1, 1, 1)
        for values in (
            [1.0 / (255.0 * s) for s in std],
            [-m / s for m, s in zip(mean, std, strict=True)],
        )
    )
    floats = pixel_values.to(torch.float32, memory_format=torch.contiguous_format, copy=True)
    return floats.mul_(scale_C11).add_(shift_C11).to(dtype)
