"""Following `data.policy` before a training. Torch-free."""

from __future__ import annotations

import logging
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import cast

from cvcore.config.schema import DataConf
from cvcore.data.contract.check import check, expected_of
from cvcore.data.contract.report import Treatment
from cvcore.data.contract.rule import RULES, Fault
from cvcore.data.contract.split_rules import never_trained, no_object, unusable
from cvcore.data.contract.treat import acted_on, treat
from cvcore.data.contract.treat_objects import Policy
from cvcore.data.records import Split
from cvcore.errors import DataError

log = logging.getLogger(__name__)

_NOT_SAID = ("reader", "root", "policy", "cache_dir")
_MENDED_BY_REPAIR = {rule.rule_id for rule in (unusable, no_object, never_trained)}
"""Faults of a split that may go when its records are repaired; then it is checked again."""


def apply(splits: Mapping[str, Split], kind: str, conf: DataConf) -> dict[str, Split]:
    """Return the splits to train on, as `conf.policy` says; lazily, originals untouched.

    The built-in digits are not checked: they are made to be whole, and a test holds that.

    Args:
        splits: what `open_splits` gave.
        kind: the task.
        conf: the group `data`.

    Raises:
        DataError: under strict for any error; under every policy for what neither dropping nor
            repairing helps (no usable image, a class never trained). Names how many faults there
            are, the first of them, and the command that lists all.
    """
    if conf.reader == "digits":
        return dict(splits)
    report = check(splits, kind, conf, decode_images=False)
    policy = cast(Policy, conf.policy)
    if policy == "strict" and report.errors:
        raise refused(report.errors, kind, conf)
    if not any(acted_on(fault, policy) for fault in report.faults):
        return dict(splits)
    stops = [f for f in report.errors if RULES[f.rule].drop == "stop"]
    hopeless = [f for f in stops if policy == "drop" or f.rule not in _MENDED_BY_REPAIR]
    if hopeless:
        raise refused(hopeless, kind, conf)
    treated, treatments = treat(splits, report, expected_of(splits, kind, conf), policy)
    if stops:
        again = check(treated, kind, conf, decode_images=False)
        if any(RULES[f.rule].drop == "stop" for f in again.errors):
            raise refused(stops, kind, conf)
    log.warning(
        "data.policy=%s: %s. `%s` lists them.",
        policy,
        said(treatments),
        inspect_command(kind, conf),
    )
    return treated


def refused(faults: Sequence[Fault], kind: str, conf: DataConf) -> DataError:
    """Return the error of a data set that can't be used as it is."""
    counts = Counter(fault.rule for fault in faults)
    many = ", ".join(f"{rule} {number}" for rule, number in counts.most_common(4))
    more = ", ..." if len(counts) > 4 else ""
    stops = any(RULES[fault.rule].drop == "stop" for fault in faults)
    way = (
        f"correct the data ({_lower(faults[0].suggestion)})"
        if stops
        else "correct them, or set data.policy=drop or data.policy=repair"
    )
    return DataError(
        f"the data set breaks its contract in {len(faults):,} place{'s' * (len(faults) != 1)} "
        f"({many}{more}), first: {faults[0]}. See all with "
        f"`{inspect_command(kind, conf)}`, then {way}."
    )


def said(treatments: Sequence[Treatment]) -> str:
    """Return what a policy did, in one phrase."""
    done = Counter((t.action, t.fault.rule) for t in treatments)
    parts = []
    for action in dict.fromkeys(action for action, _ in done):
        rules = {rule: number for (what, rule), number in done.items() if what == action}
        listed = ", ".join(f"{rule} {number:,}" for rule, number in rules.items())
        parts.append(f"{sum(rules.values()):,} x {action} ({listed})")
    return "; ".join(parts) or "nothing to do"


def inspect_command(kind: str, conf: DataConf) -> str:
    """Return the shell command that lists the faults of a data set."""
    words = ["lakesight", "data", "inspect", f"task={kind}", f"data={conf.reader}"]
    if conf.root is not None:
        words.append(f"data.root={conf.root}")
    for each in fields(conf):
        value = getattr(conf, each.name)
        if each.name in _NOT_SAID or each.default is MISSING or value == each.default:
            continue
        shown = "null" if value is None else str(value).lower() if value is True else value
        words.append(f"data.{each.name}={shown}")
    return " ".join(map(shlex.quote, words))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
