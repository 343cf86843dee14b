"""The champion's figures on the images of the version that wants its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cvcore.serve.gate.policy import Policy
from cvcore.serve.register.facts import Facts, SplitFacts
from launch.registry import child, shelf
from launch.registry.registry import ModelVersion, Registry


def comparable(
    registry: Registry,
    champion: ModelVersion,
    version: ModelVersion,
    facts: Facts,
    policy: Policy,
    say: Callable[[str], None],
) -> Facts:
    """Return the champion's facts; it is evaluated again where its own are of other images.

    Args:
        registry: that has both.
        champion: the version with the alias.
        version: that wants it.
        facts: of that version.
        policy: says whether figures are compared, and of which split.
        say: is told how it goes.

    Raises:
        LakesightError: its facts can't be read, or it can't be evaluated on these images.
    """
    known = shelf.facts_of(registry, champion)
    split = facts.judged_on(policy.split)
    compared = policy.max_drop is not None or policy.max_class_drop is not None
    if not compared or split not in facts.splits or known.task != facts.task:
        return known
    if split in known.splits and facts.splits[split].comparable(known.splits[split]):
        return known
    say(f"evaluating the champion, version {champion.version}, on the images of this version")
    words = ["cvcore.serve.gate", "--uri", registry.tracking_uri, "--model", champion.source]
    words += ["--run-id", champion.run_id, "--like", version.run_id, "--split", split]
    again = child.run(words, "the champion's evaluation", say)
    return replace(known, splits={**known.splits, split: SplitFacts(**again)})
