"""The checklist, run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cvcore.config.composer import Composer
from cvcore.errors import LakesightError
from launch.doctor.check import Check, Context, Finding, look
from launch.doctor.machine import MACHINE
from launch.doctor.project import PROJECT
from launch.doctor.workspace import WORKSPACE

CHECKS: tuple[Check, ...] = (*MACHINE, *PROJECT, *WORKSPACE)


def examine(
    overrides: Sequence[str] = (),
    client: Any = None,
    tell: Callable[[Finding], None] = lambda _: None,
    checks: Sequence[Check] = CHECKS,
) -> list[Finding]:
    """Return the finding of every check.

    Args:
        overrides: of the run that is meant.
        client: of a workspace; None: its checks are left out.
        tell: is given each finding as it is there.
        checks: which.
    """
    context = Context(None, client=client)
    try:
        context.config = Composer().load(overrides)
    except LakesightError as error:
        context.config_error = str(error)
    findings = []
    for check in checks:
        if check.where == "databricks" and client is None:
            continue
        finding = look(check, context)
        findings.append(finding)
        tell(finding)
    return findings


def line(finding: Finding) -> str:
    """Return a finding as lines for a terminal."""
    text = f"{finding.status:8} {finding.key:18} {finding.said}"
    return f"{text}\n{'':27} fix: {finding.fix}" if finding.fix else text
