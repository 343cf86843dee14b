"""The rules of the gate: each a line with the figure, the bound and whether it passed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cvcore.evaluate.names import describe
from cvcore.serve.gate.policy import Policy
from cvcore.serve.register.facts import Facts, SplitFacts

_ROUNDING = 1e-9
_NAMED = 5


@dataclass(frozen=True)
class Line:
    """One rule, applied.

    Attributes:
        rule: what is judged, e.g. "AP", "class drop", "licence".
        passed: None: it does not apply.
        figure: what was found, as shown.
        bound: what is asked, as shown.
        said: a sentence.
    """

    rule: str
    passed: bool | None
    figure: str
    bound: str
    said: str


def judge(policy: Policy, version: Facts, champion: Facts | None, problem: str = "") -> list[Line]:
    """Return a line per rule of a policy.

    Args:
        policy: the rules.
        version: that is to be promoted.
        champion: what it is compared with, evaluated on the same images; None: there is none.
        problem: why the champion can't be compared, though there is one; its rules then fail.
    """
    split = version.judged_on(policy.split)
    found = version.splits.get(split)
    return [
        *_minimums(policy, version, found, split),
        *_against(policy, version, champion, found, split, problem),
        *_classes_kept(policy, version, champion, problem),
        *_latency(policy, version),
        *_size(policy, version),
        *_licence(policy, version),
        *_robustness(policy, version),
    ]


def _minimums(
    policy: Policy, version: Facts, found: SplitFacts | None, split: str
) -> Iterator[Line]:
    note = "" if split == policy.split else f" (there are no figures on {policy.split})"
    for key, bound in policy.metrics.items():
        more = describe(key).greater_is_better
        asked = f"{'at least' if more else 'at most'} {bound:g}"
        if found is None:
            yield Line(key, False, "-", asked, "The version was not evaluated.")
        elif key not in found.metrics:
            yield Line(key, None, "-", asked, f"{version.task} has no {key}.")
        elif (value := found.value(key)) is None:
            yield Line(key, False, "undefined", asked, f"{key} is undefined on {split}{note}.")
        else:
            passed = value >= bound - _ROUNDING if more else value <= bound + _ROUNDING
            said = f"{key} on {found.num_images:,} images of {split}{note}."
            yield Line(key, passed, f"{value:.4f}", asked, said)


def _against(
    policy: Policy,
    version: Facts,
    champion: Facts | None,
    found: SplitFacts | None,
    split: str,
    problem: str,
) -> Iterator[Line]:
    rules = {"drop": policy.max_drop, "class drop": policy.max_class_drop}
    asked = {rule: f"at most {bound:g}" for rule, bound in rules.items() if bound is not None}
    if not asked:
        return
    if found is None:
        problem, champion = "The version was not evaluated.", champion or version
    if champion is None and not problem:
        for rule, bound in asked.items():
            yield Line(rule, True, "-", bound, "There is no champion yet to fall behind.")
        return
    if problem or champion is None or found is None:
        for rule, bound in asked.items():
            yield Line(rule, False, "-", bound, problem)
        return
    other = champion.splits.get(split)
    if champion.task != version.task or other is None or not found.comparable(other):
        said = (
            f"The champion is a model for {champion.task}."
            if champion.task != version.task
            else f"The champion was not evaluated on the same images of {split}."
        )
        for rule, bound in asked.items():
            yield Line(rule, False, "-", bound, said)
        return
    if policy.max_drop is not None:
        yield _drop(policy.max_drop, version.primary, found, other)
    if policy.max_class_drop is not None:
        yield _class_drop(policy, version, champion, found, other)


def _drop(bound: float, key: str, found: SplitFacts, other: SplitFacts) -> Line:
    asked = f"at most {bound:g}"
    mine, its = found.value(key), other.value(key)
    if mine is None or its is None:
        who = "the version" if mine is None else "the champion"
        return Line("drop", False, "undefined", asked, f"{key} of {who} is undefined.")
    fall = (its - mine) * (1 if describe(key).greater_is_better else -1)
    said = f"{key} {mine:.4f}, the champion's {its:.4f}."
    return Line("drop", fall <= bound + _ROUNDING, f"{fall:+.4f}", asked, said)


def _class_drop(
    policy: Policy, version: Facts, champion: Facts, found: SplitFacts, other: SplitFacts
) -> Line:
    bound, key = policy.max_class_drop, version.class_figure
    assert bound is not None
    falls: dict[str, float] = {}
    rare = 0
    for name in champion.classes:
        mine, its = found.of_class(name, key), other.of_class(name, key)
        if mine is None or its is None:
            continue
        if (found.num_of_class(name) or 0) < policy.min_class_objects:
            rare += 1
            continue
        falls[name] = its - mine
    asked = f"at most {bound:g}"
    note = f" {rare} with fewer than {policy.min_class_objects} examples left out." if rare else ""
    if not falls:
        said = f"No class of both has {policy.min_class_objects} examples or more.{note}"
        return Line("class drop", None, "-", asked, said)
    worst = max(falls, key=lambda name: falls[name])
    low = {n: f for n, f in falls.items() if f > bound + _ROUNDING}
    if low:
        ordered = sorted(low, key=lambda name: -low[name])
        named = ", ".join(f"{n} {low[n]:+.4f}" for n in ordered[:_NAMED])
        more = f" and {len(low) - _NAMED} more" if len(low) > _NAMED else ""
        said = f"Classes that fall further in {key}: {named}{more}.{note}"
    else:
        said = f"{key} of {len(falls)} classes; {worst} falls most.{note}"
    return Line("class drop", not low, f"{falls[worst]:+.4f} ({worst})", asked, said)


def _classes_kept(
    policy: Policy, version: Facts, champion: Facts | None, problem: str
) -> Iterator[Line]:
    if not policy.keep_classes:
        return
    asked = "every class of the champion"
    if champion is None:
        said = problem or "There is no champion yet whose classes could be missing."
        yield Line("classes", not problem, f"{len(version.classes)} classes", asked, said)
        return
    missing = [name for name in champion.classes if name not in set(version.classes)]
    said = "All are there."
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        said = f"Missing: {', '.join(missing[:_NAMED])}{more}."
    yield Line("classes", not missing, f"{len(version.classes)} classes", asked, said)


def _latency(policy: Policy, version: Facts) -> Iterator[Line]:
    if policy.latency_p95_ms is None:
        return
    asked = f"at most {policy.latency_p95_ms:g} ms"
    value = version.latency_p95_ms
    if value is None:
        said = "Not measured: register the run with `lakesight register`, which times it."
        yield Line("latency", False, "-", asked, said)
        return
    about = version.latency or {}
    said = f"95th percentile of one image on {about.get('device')}, {about.get('threads')} threads."
    yield Line("latency", value <= policy.latency_p95_ms, f"{value:.1f} ms", asked, said)


def _size(policy: Policy, version: Facts) -> Iterator[Line]:
    if policy.size_mib is not None:
        asked = f"at most {policy.size_mib:g} MiB"
        passed = version.size_mib <= policy.size_mib
        yield Line("size", passed, f"{version.size_mib:,.1f} MiB", asked, "The model's folder.")


def _licence(policy: Policy, version: Facts) -> Iterator[Line]:
    if policy.licences:
        passed = version.licence.lower() in {name.lower() for name in policy.licences}
        said = version.licence_note or "Licence of the weights."
        yield Line("licence", passed, version.licence, ", ".join(policy.licences), said)


def _robustness(policy: Policy, version: Facts) -> Iterator[Line]:
    record = version.robustness
    for change, bound in policy.robustness.items():
        rule, asked = f"robustness: {change}", f"at least {100 * bound:g} %"
        if record is None:
            said = "Not measured: register the run with `lakesight register`, which measures it."
            yield Line(rule, False, "-", asked, said)
            continue
        kept = record["mean"] if change == "mean" else record["kept"].get(change)
        if kept is None:
            said = f"{record['metric']} is 0 or undefined on the images as they are."
            yield Line(rule, False, "undefined", asked, said)
            continue
        said = f"Of {record['metric']} on {record['num_images']:,} images of {record['split']}."
        yield Line(rule, kept >= bound - _ROUNDING, f"{100 * kept:.1f} %", asked, said)
