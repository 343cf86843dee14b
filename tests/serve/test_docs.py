"""The Python of docs/getting-started.md does what the page says."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cvcore.data.samples import Prediction

PAGE = Path(__file__).parents[2] / "docs" / "getting-started.md"


def test_the_page_predicts(
    saved: Callable[[str], Path],
    images: list[NDArray[np.uint8]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    [block] = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    shutil.copytree(saved("detection"), tmp_path / "runs" / "first" / "best")
    Image.fromarray(images[0]).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(block, str(PAGE), "exec"), names)
    prediction = names["prediction"]
    assert isinstance(prediction, Prediction)
    assert prediction.boxes_N4 is not None
    assert len(prediction.boxes_N4) > 0
    assert str(prediction.boxes_N4) in capsys.readouterr().out
