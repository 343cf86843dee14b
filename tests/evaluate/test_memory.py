"""Memory is flat: a further image costs a few kilobytes, never its pixels or masks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

KIB = 1024

LIMIT_KIB = {"classification": 1, "detection": 2, "instances": 4, "semantic": 8, "panoptic": 2}
"""What an image may cost (docs/evaluation.md): 10 detections, 20 classes, 256 x 256 pixels."""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read in Linux's unit")
@pytest.mark.parametrize("task", LIMIT_KIB)
def test_a_further_image_costs_kilobytes(task):
    script = Path(__file__).with_name("memory_growth.py")
    done = subprocess.run(
        [sys.executable, str(script), task], capture_output=True, text=True, check=True, timeout=120
    )
    cost = json.loads(done.stdout)
    limit = LIMIT_KIB[task] * KIB
    assert 0 < cost["kept_per_image"] < limit
    assert cost["peak_per_image"] < limit
    if task != "classification":  # whose answer is a row of scores
        assert cost["image"] > 5 * limit, "the test would not see a kept image"
    assert not cost["torch"]
