"""A saved model folder -> an ONNX file, or a sentence why not. Nothing is written without parity."""

from __future__ import annotations

import glob
import json
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import NDArray

from cvcore.data.images import decode
from cvcore.data.records import ImageRef
from cvcore.data.samples import Sample, Target
from cvcore.data.transforms import fit_transform
from cvcore.errors import DataError, ModelError
from cvcore.serve import artifact
from cvcore.serve.onnx_export.graph import INPUT, Graph, translations
from cvcore.serve.onnx_export.parity import Difference, compare
from cvcore.tasks.registry import get_task

MIB = 2**20
OPSET = 18
_BATCH = 3
_MAX_PIXELS = 100_000_000


@dataclass(frozen=True)
class Exported:
    """A written ONNX file.

    Attributes:
        file: where.
        size_mib: of it.
        opset: of its operators.
        batch: images at once; 0: any number.
        num_images: that both models agreed on.
        tolerance: that was asked.
        differences: of each output.
    """

    file: Path
    size_mib: float
    opset: int
    batch: int
    num_images: int
    tolerance: float
    differences: list[Difference]


def export(
    folder: Path,
    file: Path,
    refs: Sequence[ImageRef],
    tolerance: float = 1e-3,
    say: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Write a saved model as ONNX, if it answers as the trained one on these images.

    Args:
        folder: a saved model folder.
        file: to write; an existing one is replaced.
        refs: images to compare on, at least one.
        tolerance: largest difference of an output, relative to its largest value.
        say: is told what comes next.

    Raises:
        ModelError: packages are missing, the architecture can't be written, or both disagree.
        DataError: no image, or one can't be used.
    """
    require_packages()
    described = artifact.read(folder)
    if not refs:
        raise DataError("there is no image to compare on: give a folder of images with --on.")
    if not file.parent.is_dir():
        raise ModelError(f"the folder {file.parent} of {file.name} does not exist. Make it first.")
    task: Any = get_task(described.task.kind, described.model, described.task)
    model, _ = task.load(described.model, described.labels)
    graph = Graph(model.eval().float(), described.model, task.head).eval()
    images = pixels(refs, described)
    _remove_left(file)
    with tempfile.TemporaryDirectory(
        prefix=_begun(file, os.getpid()), dir=file.parent
    ) as temporary:
        part = Path(temporary) / file.name
        say("writing the graph")
        batch = _write(graph, images, part, described)
        say(f"comparing on {len(images)} images")
        found = compare(part, graph, images, graph.outputs, batch or _BATCH)
        far = [one for one in found if not one.relative <= tolerance]
        if far:
            said = ", ".join(
                f"{x.output} by {x.absolute:.2e} ({x.relative:.2e} of it)" for x in far
            )
            raise ModelError(
                f"{file.name} was not written: the ONNX model does not answer as the trained one on "
                f"{len(images)} images: {said}; allowed is {tolerance:g} of an output's range. Another "
                "--tolerance allows more, if that is good enough."
            )
        part.replace(file)
    return Exported(file, file.stat().st_size / MIB, OPSET, batch, len(images), tolerance, found)


def _begun(file: Path, process: int | str) -> str:
    """Return how the folder of a file that is being written begins: hidden, and who writes it."""
    return f".{file.name}.part-{process}-"


def _remove_left(file: Path) -> None:
    """Remove what exports to the same file left that were killed."""
    for folder in file.parent.glob(glob.escape(_begun(file, "")[:-1]) + "*"):
        process = folder.name.split("-")[-2]
        if process.isdigit() and not psutil.pid_exists(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def require_packages() -> None:
    """Check that what writes and runs ONNX is installed.

    Raises:
        ModelError: it is not; says what to do.
    """
    missing = []
    for name in ("onnx", "onnxscript", "onnxruntime"):
        try:
            __import__(name)
        except ImportError:
            missing.append(name)
    if missing:
        raise ModelError(
            f"ONNX needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            "installed. Install them: pip install 'lakesight[onnx]'."
        )


def pixels(refs: Sequence[ImageRef], described: artifact.Artifact) -> list[NDArray[np.uint8]]:
    """Return uint8 [3, H, W] of each image, fitted to the model's input as in prediction."""
    fit = fit_transform(described.model)
    found = []
    for i, ref in enumerate(refs):
        image_HW3 = decode(ref, _MAX_PIXELS)
        size_hw = (image_HW3.shape[0], image_HW3.shape[1])
        sample = fit(Sample(i, image_HW3, Target(), f"image {i}", size_hw))
        found.append(np.ascontiguousarray(sample.image_HW3.transpose(2, 0, 1)))
    return found


def _write(
    graph: Graph, images: list[NDArray[np.uint8]], file: Path, described: artifact.Artifact
) -> int:
    """Write the graph; return the batch size that it takes, 0 for any."""
    import onnx

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    batch = 0
    # Two, so that a batch of one is not taken for a constant.
    _torch_export(graph, (images * 2)[:2], file)
    written = onnx.load(str(file))
    if not written.graph.input[0].type.tensor_type.shape.dim[0].dim_param:
        # The architecture writes its batch size into the graph: then one image at a time.
        batch = 1
        _torch_export(graph, images[:1], file)
        written = onnx.load(str(file))
    onnx.helper.set_model_props(written, _properties(described))
    onnx.save(written, str(file))
    return batch


def _torch_export(graph: Graph, images: list[NDArray[np.uint8]], file: Path) -> None:
    """Write with torch's exporter; several images: with a batch size that may change."""
    several = len(images) > 1
    shapes = {INPUT: {0: torch.export.Dim("batch", min=1, max=1024)}} if several else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph,
                (torch.from_numpy(np.stack(images)),),
                str(file),
                input_names=[INPUT],
                output_names=list(graph.outputs),
                dynamic_shapes=shapes,
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
                custom_translation_table=translations(),
            )
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        cause = next(
            (x for x in lines if "No ONNX function" in x), lines[0] if lines else "no reason"
        )
        kind = graph.model.config.model_type
        raise ModelError(
            f"a model of type {kind} can't be written as ONNX by this version of torch "
            f"({cause[:240]}). Serve it with MLflow instead: `lakesight register`."
        ) from error


def _properties(described: artifact.Artifact) -> dict[str, str]:
    """Return what a program needs to know to use the file."""
    model = described.model
    return {
        "lakesight.task": described.task.kind,
        "lakesight.classes": json.dumps(described.labels.names),
        "lakesight.label_space": described.labels.hash,
        "lakesight.image_size": json.dumps(list(model.image_size)),
        "lakesight.resize": model.resize,
        "lakesight.input": "uint8 RGB [batch, 3, height, width], 0..255; normalised inside",
        "lakesight.score_threshold": str(described.score_threshold),
        "lakesight.class_thresholds": json.dumps(described.class_thresholds),
        "lakesight.licence": model.licence,
        "lakesight.data_fingerprint": described.fingerprint,
    }
