"""A model of ours behind an endpoint of this machine, by commands as a person gives them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from cvcore.cli.main import main
from launch.serving.local.endpoints import LocalEndpoints

pytestmark = pytest.mark.slow


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run with an instance segmentation model of random weights."""
    import torch

    from cvcore.config.composer import load
    from cvcore.data.labels import LabelSpace
    from cvcore.data.records import Category
    from cvcore.serve import artifact
    from cvcore.tasks.registry import get_task

    torch.manual_seed(0)
    kind = "instance_segmentation"
    config = load([f"task={kind}"])
    labels = LabelSpace.over([[Category(i, name) for i, name in enumerate(("bolt", "nut"))]])
    task = get_task(kind, config.model, config.task)
    model, processor = task.load(config.model, labels)
    saved = artifact.of_run(config, labels, "0123")
    artifact.save(tmp_path / "parts" / "best", saved, model.eval(), processor)
    return tmp_path / "parts"


def test_deploy_query_and_delete(
    endpoints: LocalEndpoints,
    run_dir: Path,
    tmp_path: Path,
    ledger_uri: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from cvcore.data.records import ImageRef
    from cvcore.serve.predictor import Predictor

    assert main(["deploy", str(run_dir), "serving.score_threshold=0.3"]) == 0
    said = capsys.readouterr().out
    assert "its model is being loaded" in said
    assert "smoke test with the model's input example" in said
    image = tmp_path / "it's a photo.png"
    rng = np.random.default_rng(0)
    cv2.imwrite(str(image), rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
    assert main(["query", "parts", str(image), "--threshold", "0", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    predictor = Predictor.load(run_dir / "best", "cpu")
    (wanted,) = predictor.answers([ImageRef(image)], 0.0)
    assert answer.pop("image") == str(image)
    assert [o["label"] for o in answer["objects"]] == [o["label"] for o in wanted["objects"]]
    for one, other in zip(answer["objects"], wanted["objects"], strict=True):
        assert one["box"] == pytest.approx(other["box"], abs=0.02)
        assert one["score"] == pytest.approx(other["score"], abs=1e-4)
        assert one["mask"]["size"] == [48, 64]
    # The snippets do the same.
    assert main(["query", "parts", str(image), "--code", "--masks", "polygon"]) == 0
    curl, _, python = capsys.readouterr().out.partition("\n\n")
    by_curl = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, check=True)
    by_python = subprocess.run(
        [sys.executable, "-c", python], capture_output=True, text=True, check=True
    )
    sent = json.loads(json.loads(by_curl.stdout)["predictions"][0]["answer"])
    assert sent["size"] == [48, 64]
    assert str(sent) == by_python.stdout.strip()
    text = tmp_path / "text.jpg"
    text.write_text("hello")
    assert main(["query", "parts", str(text)]) == 2
    assert "400: image of row 0 is not an image that can be read" in capsys.readouterr().err
    assert main(["endpoints", "load", "parts", "--seconds", "1", "--callers", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["errors"] == 0
    assert found["per_s"] > 0
    assert main(["endpoints", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["state"] == "READY"
    assert main(["endpoints", "delete", "parts"]) == 2
    assert "Say --yes" in capsys.readouterr().err
    assert main(["endpoints", "delete", "parts", "--yes"]) == 0
    assert main(["query", "parts", str(image)]) == 2
    assert "there is no endpoint 'parts'" in capsys.readouterr().err
