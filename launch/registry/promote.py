"""The alias `champion` moves through the gate, and back. `lakesight promote`, and the app's page."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from cvcore.serve.gate import policy as policies
from cvcore.serve.gate.rules import judge
from cvcore.serve.gate.verdict import JSON_FILE, MARKDOWN_FILE, PAGE_FILE, Verdict
from cvcore.serve.register.facts import LAST_TAG, Facts
from cvcore.serve.register.names import check_alias
from launch.account import account
from launch.activity.record import recorded
from launch.registry import champion, shelf
from launch.registry.errors import RegistryError
from launch.registry.registry import ModelVersion, RegisteredModel, Registry

CHAMPION = "champion"
GATE = "lakesight_gate"
REPORT = "lakesight_gate_report"
ROLLED_BACK = "lakesight_rolled_back"
_MOST_HISTORY = 100


@dataclass(frozen=True)
class Promotion:
    """How a promotion ended.

    Attributes:
        verdict: the gate's lines.
        moved: whether the alias points to the version now because of it.
        report: folder of the report in the artifacts of the version's run; "" for a dry run.
    """

    verdict: Verdict
    moved: bool
    report: str = ""


def promote(
    registry: Registry,
    model: str,
    which: str,
    *,
    policy: str = policies.DEFAULT,
    alias: str = CHAMPION,
    dry_run: bool = False,
    by: str = "",
    say: Callable[[str], None] = lambda _: None,
) -> Promotion:
    """Judge a version; if it passes, point the alias at it. The report is stored before that.

    A champion that was evaluated on other images is evaluated again on the version's, in a process
    of its own.

    Args:
        registry: that has the model.
        model: name of it.
        which: version, alias or `latest`.
        policy: name or file of the gate's policy.
        alias: that moves.
        dry_run: judge only; nothing is stored and nothing moves.
        by: who asks.
        say: is told how it goes.

    Raises:
        LakesightError: policy, model, version or registry can't be used.
    """
    rules = policies.load(policy)
    alias = check_alias(alias)
    found = registry.model(model)
    version = registry.version(found.model, which)
    if version.status not in ("READY", "ModelVersionStatus.READY"):
        raise RegistryError(
            f"{found.model} version {version.version} is {version.status}, not READY."
        )
    if LAST_TAG not in version.tags and version.run_id:
        raise RegistryError(
            f"{found.model} version {version.version} is half made: its registration was killed, or was not "
            f"Lakesight's. `lakesight register {version.run_id[:8]} --as {found.model}` makes a whole one."
        )
    facts = shelf.facts_of(registry, version)
    before = found.aliases.get(alias, "")
    other, problem = _champion(registry, found, before, version, facts, rules, say)
    verdict = Verdict(
        model=found.model,
        version=version.version,
        policy=rules.title,
        alias=alias,
        champion=before,
        lines=judge(rules, facts, other, problem),
        at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        by=by or account(),
    )
    if dry_run:
        return Promotion(verdict, False)
    with recorded("promote", f"model {found.model}", verdict.by) as told:
        told.update(version=version.version, alias=alias, policy=rules.title)
        told["gate"] = "passed" if verdict.passed else "failed"
        report = _store(registry, version, verdict)
        if not verdict.passed:
            return Promotion(verdict, False, report)
        if before != version.version:
            # In this order: a history without the newest is mended by the next promotion, one with
            # what never was champion would be rolled back to.
            registry.point(found.model, alias, version.version)
            _remember(registry, found, alias, before, version.version)
    return Promotion(verdict, before != version.version, report)


@dataclass(frozen=True)
class Rollback:
    """An alias that went back.

    Attributes:
        model: name of the model.
        alias: that moved.
        before: version that it pointed to.
        after: version that it points to now.
    """

    model: str
    alias: str
    before: str
    after: str


def rollback(registry: Registry, model: str, alias: str = CHAMPION, by: str = "") -> Rollback:
    """Point an alias at the version that had it before; no gate: that one has passed it.

    Args:
        registry: that has the model.
        model: name of it.
        alias: that moves.
        by: who asks; "": the account of this process.

    Raises:
        RegistryError: no version had it before, or the registry can't be used.
    """
    found = registry.model(model)
    now = found.aliases.get(check_alias(alias), "")
    if not now:
        raise RegistryError(
            f"{found.model} has no alias {alias!r} to take back. Aliases: "
            f"{', '.join(sorted(found.aliases)) or 'none'}."
        )
    past = history(found, alias)
    if past and past[-1] == now:
        past.pop()
    there = {version.version for version in registry.versions(found.model)}
    while past and (past[-1] not in there or past[-1] == now):
        past.pop()
    if not past:
        raise RegistryError(
            f"no version of {found.model} was {alias} before version {now}. Promote another one: "
            f"`lakesight promote {found.model} VERSION`."
        )
    after = past[-1]
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    who = by or account()
    with recorded("rollback", f"model {found.model}", who) as told:
        told.update(alias=alias, before=now, after=after)
        registry.tag(registry.version(found.model, now), {ROLLED_BACK: f"{stamp} {who}"})
        # Killed between the two, a second try goes to the same version.
        registry.tag_model(found.model, {_key(alias): ",".join(past)})
        registry.point(found.model, alias, after)
    return Rollback(found.model, alias, now, after)


def history(model: RegisteredModel, alias: str = CHAMPION) -> list[str]:
    """Return the versions that an alias pointed to through the gate, the newest last."""
    return [v for v in model.tags.get(_key(alias), "").split(",") if v]


def last_verdict(registry: Registry, version: ModelVersion) -> Verdict | None:
    """Return the newest gate report of a version, or None if it was never judged.

    Raises:
        RegistryError: it can't be read.
    """
    import json

    if REPORT not in version.tags:
        return None
    into = version.tags[REPORT].removeprefix(f"{shelf.folder_of(version)}/")
    return Verdict.of(json.loads(shelf.read(registry, version, f"{into}/{JSON_FILE}")))


def _champion(
    registry: Registry,
    model: RegisteredModel,
    before: str,
    version: ModelVersion,
    facts: Facts,
    rules: policies.Policy,
    say: Callable[[str], None],
) -> tuple[Facts | None, str]:
    """Return the champion's facts on the version's images, or why they can't be had."""
    if not before:
        return None, ""
    if before == version.version:
        return facts, ""
    try:
        other = registry.version(model.model, before)
        return champion.comparable(registry, other, version, facts, rules, say), ""
    except Exception as error:  # noqa: BLE001 (an edge: it fails the rules, in words)
        return None, f"The champion, version {before}, can't be compared: {error}"


def _store(registry: Registry, version: ModelVersion, verdict: Verdict) -> str:
    files = {
        JSON_FILE: verdict.json(),
        MARKDOWN_FILE: verdict.markdown(),
        PAGE_FILE: verdict.page(),
    }
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    report = shelf.write(registry, version, f"gate/{stamp}", files)
    outcome = "passed" if verdict.passed else "failed"
    registry.tag(version, {GATE: f"{outcome} {verdict.policy} {verdict.at}", REPORT: report})
    return report


def _remember(
    registry: Registry, model: RegisteredModel, alias: str, before: str, version: str
) -> None:
    past = history(model, alias)
    if before and (not past or past[-1] != before):
        past.append(before)  # someone moved it by hand
    kept = [*past, version][-_MOST_HISTORY:]
    registry.tag_model(model.model, {_key(alias): ",".join(kept)})


def _key(alias: str) -> str:
    return f"lakesight_history_{alias.replace('-', '_')}"
