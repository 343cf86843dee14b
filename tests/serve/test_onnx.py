"""An ONNX file answers as the trained model does, or it is not written."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file

from cvcore.data.records import ImageRef
from cvcore.errors import DataError, ModelError
from cvcore.serve import artifact
from cvcore.serve.onnx_export.export import export, pixels
from cvcore.serve.onnx_export.parity import in_their_order
from cvcore.serve.predictor import Predictor

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture
def refs(images: list[NDArray[np.uint8]]) -> list[ImageRef]:
    found = []
    for image in images:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        found.append(ImageRef(data=buffer.getvalue()))
    return found


@pytest.mark.slow
def test_a_file_is_written_only_if_it_answers_as_the_model(
    saved: Callable[[str], Path], refs: list[ImageRef], tmp_path: Path
) -> None:
    folder, file = saved("classification"), tmp_path / "model.onnx"
    with pytest.raises(ModelError, match=r"model.onnx was not written.*logits by"):
        export(folder, file, refs, tolerance=-1.0)
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"

    done = export(folder, file, refs)
    assert (done.num_images, done.batch) == (3, 0)
    assert max(one.relative for one in done.differences) < 1e-4
    # Used as someone else would, without our code: what the file says is enough.
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["lakesight.classes"]) == ["bolt", "nut", "washer"]
    assert json.loads(about["lakesight.image_size"]) == [32, 32]
    assert about["lakesight.licence"] == "Apache-2.0"
    inputs_B3HW = np.stack(pixels(refs, artifact.read(folder)))
    [logits_BK] = session.run(None, {"image": inputs_B3HW})
    scores_BK = np.exp(logits_BK) / np.exp(logits_BK).sum(1, keepdims=True)
    predictor = Predictor.load(folder, "cpu")
    for scores_K, answer in zip(scores_BK, predictor.answers(refs, 0.0), strict=True):
        best = answer["classes"][0]
        assert scores_K.max() == pytest.approx(best["score"], abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["semantic_segmentation", "panoptic_segmentation"])
def test_masks_are_the_models_at_any_number_of_images(
    kind: str, saved: Callable[[str], Path], refs: list[ImageRef], tmp_path: Path
) -> None:
    done = export(saved(kind), tmp_path / "model.onnx", refs)
    assert done.batch == 0
    assert max(one.relative for one in done.differences) < 1e-5


@pytest.mark.slow
def test_the_boxes_of_d_fine_are_the_models(
    saved: Callable[[str], Path], refs: list[ImageRef], tmp_path: Path
) -> None:
    folder = tmp_path / "detector"
    shutil.copytree(saved("detection"), folder)
    weights = folder / "model.safetensors"
    # Random weights find all places of noise equally good, so that a rounding chooses other queries.
    named = load_file(weights)
    named["model.enc_score_head.weight"] *= 1000
    save_file(named, weights, metadata={"format": "pt"})
    done = export(folder, tmp_path / "model.onnx", refs)
    assert [one.output for one in done.differences] == ["logits", "pred_boxes"]
    assert max(one.relative for one in done.differences) < 1e-5


def test_what_is_missing_is_said_in_words(
    saved: Callable[[str], Path], refs: list[ImageRef], tmp_path: Path, monkeypatch
) -> None:
    folder = saved("classification")
    with pytest.raises(DataError, match="no image to compare on"):
        export(folder, tmp_path / "a.onnx", [])
    with pytest.raises(ModelError, match=r"nowhere of a\.onnx does not exist"):
        export(folder, tmp_path / "nowhere" / "a.onnx", refs)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        ModelError,
        match=r"needs onnxscript, onnxruntime, which are not installed.*'lakesight\[onnx\]'",
    ):
        export(folder, tmp_path / "a.onnx", refs)


def test_the_order_of_queries_means_nothing_but_each_has_its_own_counterpart() -> None:
    rng = np.random.default_rng(0)
    names = ["logits", "pred_boxes"]
    theirs = [rng.random((2, 20, n), np.float32) for n in (3, 4)]
    shuffled = np.concatenate(theirs, 2)[:, rng.permutation(20)]
    found = in_their_order([shuffled[..., :3] + 1e-6, shuffled[..., 3:]], theirs, names)
    for mine, wanted in zip(found, theirs, strict=True):
        np.testing.assert_allclose(mine, wanted, atol=2e-6)
    # One query twice in place of another is no agreement.
    twice = [out.copy() for out in theirs]
    for out in twice:
        out[:, 1] = out[:, 0]
    assert np.abs(in_their_order(twice, theirs, names)[1] - theirs[1]).max() > 0.1
