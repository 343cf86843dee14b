"""Each rule of the gate, its bound and its words; a policy file is checked key by key."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cvcore.errors import ConfigError, ModelError
from cvcore.serve.gate.policy import Policy, load, parse, policies
from cvcore.serve.gate.rules import Line, judge
from cvcore.serve.gate.verdict import Verdict
from cvcore.serve.register.facts import Facts, SplitFacts


def split_facts(value: float, per_class: dict[str, float], **certificate: Any) -> SplitFacts:
    about = {"dataset_fingerprint": "d", "split": "test", "num_images": 60} | certificate
    rows = {name: {"AP": v, "num_objects": 30.0} for name, v in per_class.items()}
    return SplitFacts({"AP": {"value": value}, "AP50": {"value": value + 0.1}}, rows, about)


def facts(value: float = 0.5, per_class: dict[str, float] | None = None, **more: Any) -> Facts:
    per_class = per_class or {"bolt": value, "nut": value}
    known: dict[str, Any] = {
        "task": "detection",
        "primary": "AP",
        "classes": list(per_class),
        "label_space": "l",
        "data_fingerprint": "d",
        "model": {"image_size": [64, 64]},
        "licence": "Apache-2.0",
        "splits": {"test": split_facts(value, per_class)},
        "size_mib": 20.0,
        "latency": {
            "device": "cpu", "threads": 2, "latencies": [{"batch_size": 1, "p95_ms": 80.0}],
        },
        "robustness": {
            "metric": "AP", "split": "test", "num_images": 60, "mean": 0.7, "kept": {"blur": 0.55},
        },
    }  # fmt: skip
    return Facts(**{**known, **more})


def line(policy: Policy, version: Facts, champion: Facts | None = None, problem: str = "") -> Line:
    [found] = judge(policy, version, champion, problem)
    return found


@pytest.mark.parametrize(
    ("rule", "passed", "figure"),
    [
        ({"metrics": {"AP": 0.5}}, True, "0.5000"),
        ({"metrics": {"AP": 0.51}}, False, "0.5000"),
        ({"metrics": {"top1": 0.9}}, None, "-"),
        ({"latency_p95_ms": 80.0}, True, "80.0 ms"),
        ({"latency_p95_ms": 79.9}, False, "80.0 ms"),
        ({"size_mib": 19.0}, False, "20.0 MiB"),
        ({"licences": ("MIT", "apache-2.0")}, True, "Apache-2.0"),
        ({"licences": ("MIT",)}, False, "Apache-2.0"),
        ({"robustness": {"mean": 0.7}}, True, "70.0 %"),
        ({"robustness": {"blur": 0.56}}, False, "55.0 %"),
    ],
    ids=str,
)
def test_a_rule_of_the_version_alone(rule: dict[str, Any], passed: bool, figure: str) -> None:
    found = line(Policy(**rule), facts())
    assert (found.passed, found.figure) == (passed, figure)
    assert found.said.endswith(".")


def test_what_was_not_measured_does_not_pass() -> None:
    bare = facts(latency=None, robustness=None, splits={})
    rules = Policy(metrics={"AP": 0.1}, max_drop=0.1, latency_p95_ms=1.0, robustness={"mean": 0.1})
    lines = judge(rules, bare, facts())
    assert {row.rule for row in lines if row.passed is False} == {
        "AP", "drop", "latency", "robustness: mean",
    }  # fmt: skip
    assert "lakesight register" in next(row.said for row in lines if row.rule == "latency")
    undefined = facts(robustness={**(facts().robustness or {}), "mean": None})
    assert line(Policy(robustness={"mean": 0.1}), undefined).passed is False


def test_no_step_back_from_the_champion() -> None:
    rules = Policy(max_drop=0.02)
    assert line(rules, facts(0.5), None).said == "There is no champion yet to fall behind."
    assert line(rules, facts(0.5), facts(0.52)).passed
    behind = line(rules, facts(0.5), facts(0.53))
    assert (behind.passed, behind.figure) == (False, "+0.0300")
    assert line(Policy(max_drop=-0.01), facts(0.5), facts(0.5)).passed is False, "must be better"
    other = facts(0.1, splits={"test": split_facts(0.1, {}, num_images=61)})
    found = line(rules, facts(0.5), other)
    assert found.passed is False
    assert "not evaluated on the same images" in found.said
    assert line(rules, facts(0.5), None, "It is gone.").said == "It is gone."


def test_no_class_falls_further_than_allowed() -> None:
    before = {"bolt": 0.5, "nut": 0.5, "pin": 0.5}
    rules = Policy(max_class_drop=0.1)
    fine = line(rules, facts(0.6, {"bolt": 0.9, "nut": 0.42, "pin": 0.5}), facts(0.5, before))
    assert (fine.passed, fine.figure) == (True, "+0.0800 (nut)")
    low = line(rules, facts(0.6, {"bolt": 0.9, "nut": 0.2, "pin": 0.1}), facts(0.5, before))
    assert not low.passed
    assert low.said == "Classes that fall further in AP: pin +0.4000, nut +0.3000."
    worse = facts(0.6, {**before, "nut": 0.0})
    rare = line(replace(rules, min_class_objects=31), worse, facts(0.5, before))
    assert rare.passed is None


def test_no_class_is_lost() -> None:
    rules = Policy(keep_classes=True)
    assert line(rules, facts(0.5, {"bolt": 0.5, "nut": 0.5, "new": 0.1}), facts()).passed
    lost = line(rules, facts(0.5, {"bolt": 0.5}), facts())
    assert (lost.passed, lost.said) == (False, "Missing: nut.")


def test_val_counts_where_there_is_no_test_and_says_so() -> None:
    only = facts(splits={"val": split_facts(0.5, {"bolt": 0.5})})
    said = line(Policy(metrics={"AP": 0.4}), only).said
    assert said == "AP on 60 images of val (there are no figures on test)."


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"max_dorp": 0.1}, r"'max_dorp' is not a rule.*Did you mean 'max_drop'"),
        ({"metrics": {"APP": 0.1}}, r"no metric 'APP'"),
        ({"metrics": 0.4}, "not a table"),
        ({"robustness": {"fog": 0.1}}, r"'fog' is not measured"),
        ({"robustness": {"blur": 1.5}}, r"robustness.blur: 1.5 is out of its bounds, 0 to 1"),
        ({"latency_p95_ms": "fast"}, r"latency_p95_ms: 'fast' is not a number"),
        ({"keep_classes": "yes"}, "not true or false"),
        ({"licences": "MIT"}, "not a list"),
        ({"split": "train"}, "not test or val"),
        (["AP"], "holds no keys"),
    ],
    ids=str,
)
def test_a_wrong_policy_is_refused_in_words(values: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(values, "mine", "gate/mine.yaml")


def test_policies_are_files_of_ours_and_of_the_user(tmp_path: Path) -> None:
    assert {"default", "strict"} <= set(policies([]))
    for name in policies([]):
        assert load(name, []).title == name
    (tmp_path / "gate").mkdir()
    (tmp_path / "gate" / "lab.yaml").write_text("size_mib: 5\n")
    (tmp_path / "gate" / "strict.yaml").write_text("size_mib: 6\n")
    assert load("lab", [tmp_path]).size_mib == 5
    assert load("strict", [tmp_path]).size_mib == 6
    assert load(str(tmp_path / "gate" / "lab.yaml"), []).size_mib == 5
    with pytest.raises(ConfigError, match="Did you mean 'strict'"):
        load("stric", [])


def test_a_verdict_and_facts_survive_their_json() -> None:
    lines = judge(Policy(metrics={"AP": 0.6}, size_mib=30), facts(), None)
    verdict = Verdict("m|<b>", "3", "default", "champion", "", lines, "2026-01-01T00:00:00Z", "ada")
    assert Verdict.of(json.loads(verdict.json())) == verdict
    assert not verdict.passed
    assert "m|<b> version 3 fails 1 of 2 rules" in verdict.text()
    assert "<b>" not in verdict.page().replace("<b>FAIL", "").replace("<b>pass", "").replace(
        "<p><b>", ""
    )
    known = facts()
    assert Facts.of(known.to_json(), "it") == known
    with pytest.raises(ModelError, match="the facts of it can't be read"):
        Facts.of("{}", "it")
