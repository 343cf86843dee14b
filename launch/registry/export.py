"""A run's model as an ONNX file: `lakesight export`, and the app's page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from launch.registry import child
from launch.registry.source import Source


@dataclass(frozen=True)
class OnnxFile:
    """A written file, the same as the trained model.

    Attributes:
        file: where.
        size_mib: of it.
        opset: of its operators.
        batch: images at once; 0: any number.
        num_images: that both were compared on.
        tolerance: largest relative difference that was allowed.
        differences: output -> largest absolute difference.
        shapes: output -> its shape for one image.
    """

    file: Path
    size_mib: float
    opset: int
    batch: int
    num_images: int
    tolerance: float
    differences: dict[str, float]
    shapes: dict[str, tuple[int, ...]]


def export_onnx(
    source: Source,
    file: Path,
    *,
    num_images: int = 8,
    images: Path | None = None,
    tolerance: float = 1e-3,
    say: Callable[[str], None] = lambda _: None,
) -> OnnxFile:
    """Write a run's model as ONNX and compare it with the trained one; blocks meanwhile.

    Args:
        source: the run.
        file: to write; an existing one is replaced.
        num_images: to compare on.
        images: folder of them; None: the run's own val split.
        tolerance: largest difference of an output, relative to its largest value.
        say: is told how it goes.

    Raises:
        LakesightError: the model can't be had or written, or both disagree; nothing is written then.
    """
    words = ["cvcore.serve.onnx_export", str(source.folder or "-"), str(file.absolute())]
    words += ["--uri", source.tracking_uri, "--run-id", source.run_id]
    words += ["--images", str(max(num_images, 1)), "--tolerance", repr(tolerance)]
    words += ["--on", str(images)] if images else []
    made = child.run(words, "the export", say)
    return OnnxFile(
        file,
        made["size_mib"],
        made["opset"],
        made["batch"],
        made["num_images"],
        made["tolerance"],
        {row["output"]: row["absolute"] for row in made["differences"]},
        {row["output"]: tuple(row["shape"]) for row in made["differences"]},
    )
