"""`lakesight export`: a file that other software executes, and says the same as the trained model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cvcore.cli.main import main

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm")]


def test_a_run_becomes_an_onnx_file(
    make_run, ledger_uri: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    run, file = make_run(ledger_uri, "cells"), tmp_path / "cells.onnx"
    assert main(["export", str(run), "--onnx", str(file), "--images", "2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["file"] == str(file)
    assert said["num_images"] == 2
    assert max(said["differences"].values()) < 1e-3
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    assert taken.type == "tensor(uint8)"
    height, width = taken.shape[2:]
    logits_BC = session.run(None, {taken.name: np.zeros((1, 3, height, width), np.uint8)})[0]
    assert logits_BC.shape == (1, 10)
    assert session.get_modelmeta().custom_metadata_map["lakesight.licence"] == "Apache-2.0"

    # Nobody gets a file that says something else.
    strict = ["--tolerance", "1e-30", "--onnx", str(tmp_path / "no.onnx")]
    assert main(["export", str(run), "--images", "2", *strict]) == 2
    assert "allowed" in capsys.readouterr().err
    assert not (tmp_path / "no.onnx").exists()
