"""Small parts: shares are exact, faults become sentences, requests are summed up, cost is a product."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvcore.serve.check_answer import faults
from launch.serving.cost import cost
from launch.serving.deploy import default_name
from launch.serving.local import requests_log
from launch.serving.local.balance import Balance
from launch.serving.local.gateway import in_a_sentence
from launch.serving.models import ModelRef
from launch.serving.types import EndpointError, check_name, check_shares


@given(st.integers(1, 99))
def test_of_a_hundred_requests_each_version_gets_its_share(share: int) -> None:
    balance = Balance()
    balance.set({"new": share, "old": 100 - share, "none": 0})
    chosen = [balance.next() for _ in range(100)]
    assert Counter(chosen) == {"new": share, "old": 100 - share}
    # Spread: the rarer one never comes twice in a row.
    rarer = "new" if share < 50 else "old"
    assert (rarer, rarer) not in set(itertools.pairwise(chosen)) or share == 50


@pytest.mark.parametrize(
    ("message", "status", "says"),
    [
        ("Failed to predict data '   image\n0  aa'. \nError: row 0: empty.", 400, "row 0: empty."),
        ("Encountered an unexpected error while evaluating the model. Verify", 500, "its log says"),
        ("Failed to enforce schema. Error: Model is missing inputs ['image'].", 400, "no column"),
        ("Invalid input. The input must be one of dataframe_split", 400, "of no known form"),
    ],
)
def test_a_fault_is_a_sentence(message: str, status: int, says: str) -> None:
    text = json.dumps({"message": message, "stack_trace": "Traceback: secret"})
    found, sentence = in_a_sentence(400, text, "v1")
    assert found == status
    assert says in sentence
    assert "secret" not in sentence
    assert "0  aa" not in sentence


def test_requests_are_summed_up(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    log = requests_log.RequestsLog(path)
    now = time.time()
    for i in range(100):
        log.add(requests_log.Request(now, "v1", 200, (i + 1) / 100, 10, 20))
    log.add(requests_log.Request(now, "", 400, 0.001, 10, 20))
    log.add(requests_log.Request(now, "v2", 502, 9.0, 10, 20))
    log.add(requests_log.Request(now - 7200, "v1", 200, 0.1, 10, 20))
    with path.open("a") as file:
        file.write('[1.0, "to')  # a torn line
    seen = requests_log.traffic(path, 3600)
    assert (seen.requests, seen.refused, seen.failed) == (102, 1, 1)
    assert (seen.p50_s, seen.p95_s, seen.p99_s) == (0.5, 0.95, 0.99)
    assert seen.by_served == {"v1": 100, "v2": 1}


def test_shares_and_names_are_checked() -> None:
    assert check_shares("e", {"a": 100, "b": 0}, ["a", "b"]) == {"a": 100}
    with pytest.raises(EndpointError, match="add up to 110"):
        check_shares("e", {"a": 60, "b": 50}, ["a", "b"])
    with pytest.raises(EndpointError, match="Did you mean 'parts-1'"):
        check_shares("e", {"part-1": 100}, ["parts-1"])
    for name in ("", "a b", "x" * 64, "../up"):
        with pytest.raises(EndpointError, match="1 to 63"):
            check_name(name)
    assert default_name(ModelRef("main.vision.parts", "3")) == "parts"
    assert ModelRef("main.vision.parts", "3").served_name == "parts-3"


def test_a_wrong_answer_is_told_from_a_right_one() -> None:
    item = {"label": "nut", "score": 0.5, "box": [0, 0, 5, 5]}
    assert faults({"size": [8, 12], "objects": [item]}, (8, 12), ["nut"]) == []
    assert "not an object" in faults([], (8, 12))[0]
    assert "the image has [8, 12]" in faults({"size": [12, 8], "objects": []}, (8, 12))[0]
    assert "label 'nut'" in faults({"size": [8, 12], "objects": [item]}, (8, 12), ["bolt"])[0]
    outside = {**item, "box": [0, 0, 50, 5]}
    assert "not within the image" in faults({"size": [8, 12], "objects": [outside]}, (8, 12))[0]


def test_a_cost_hint_says_what_it_assumes() -> None:
    hint = cost("GPU_SMALL", "Small", False, 0.07)
    assert hint.usd_per_hour == pytest.approx(0.7336)
    assert "$536 per month, day and night" in hint.text
    assert any("10.48 DBU" in line for line in hint.assumptions)
    assert cost("CPU", "Large", True, 0.07, 8).usd_per_hour == pytest.approx(16 * 0.07)
    assert cost("GPU_XLARGE_8", "Small", True, 0.07).usd_per_hour is None
