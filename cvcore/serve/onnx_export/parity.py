"""Whether an ONNX file answers as the trained model does, on real images.

Letters: B = batch, H, W = model input size, Q = queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True)
class Difference:
    """How far one output is from the trained model's.

    Attributes:
        output: its name.
        shape: of one image.
        absolute: largest absolute difference.
        relative: that over the largest absolute value of the output.
    """

    output: str
    shape: tuple[int, ...]
    absolute: float
    relative: float


def compare(
    file: Path,
    graph: Any,
    images: Sequence[NDArray[np.uint8]],
    names: Sequence[str],
    batch_size: int,
) -> list[Difference]:
    """Run both on the same images and return the differences of each output.

    Args:
        file: the ONNX file.
        graph: the torch module that it was made from.
        images: uint8 [3, H, W] each.
        names: of the outputs.
        batch_size: images at once; the rest makes a smaller batch, so that two sizes are tried.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    absolute = dict.fromkeys(names, 0.0)
    largest = dict.fromkeys(names, 0.0)
    shapes: dict[str, tuple[int, ...]] = {}
    for start in range(0, len(images), batch_size):
        batch_B3HW = np.stack(images[start : start + batch_size])
        with torch.inference_mode():
            theirs = [out.float().numpy() for out in graph(torch.from_numpy(batch_B3HW))]
        mine = session.run(list(names), {session.get_inputs()[0].name: batch_B3HW})
        for name, found, wanted in zip(names, mine, theirs, strict=True):
            shapes[name] = tuple(wanted.shape[1:])
            gap = np.abs(found.astype(np.float64) - wanted)
            # NaN is never within a tolerance.
            worst = float(gap.max()) if np.isfinite(gap).all() else float("inf")
            absolute[name] = max(absolute[name], worst)
            largest[name] = max(largest[name], float(np.abs(wanted).max()))
    return [
        Difference(name, shapes[name], absolute[name], absolute[name] / max(largest[name], 1e-12))
        for name in names
    ]
