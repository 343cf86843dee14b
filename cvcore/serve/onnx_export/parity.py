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
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

BOXES = "pred_boxes"
_FAR = 1e30


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
        if BOXES in names:
            mine = in_their_order(mine, theirs, names)
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


def in_their_order(
    mine: Sequence[NDArray[np.float32]], theirs: Sequence[NDArray[np.float32]], names: Sequence[str]
) -> list[NDArray[np.float32]]:
    """Return outputs with each image's queries in the order of the most similar ones of others.

    A detector that chooses its queries by their scores gives two of almost the same score in either
    order, which means nothing. Each query has exactly one counterpart: none is compared twice.

    Args:
        mine: [B, Q, ...] each.
        theirs: of the same shapes.
        names: of the outputs, `logits` and `pred_boxes` among them.
    """
    told = [names.index("logits"), names.index(BOXES)]
    ordered = [out.copy() for out in mine]
    for b in range(len(mine[0])):
        mine_QD, theirs_QD = (
            np.concatenate([outputs[i][b] for i in told], 1) for outputs in (mine, theirs)
        )
        gaps_QQ = cdist(theirs_QD, mine_QD, "chebyshev")
        _, order_Q = linear_sum_assignment(np.nan_to_num(gaps_QQ, nan=_FAR, posinf=_FAR))
        for target, source in zip(ordered, mine, strict=True):
            target[b] = source[b][order_Q]
    return ordered
