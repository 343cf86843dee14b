"""What a check is: what it looks at, what goes wrong without it, and the command that mends it.

docs/troubleshooting.md is written from the same objects (`launch.doctor.page`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from string import Formatter
from typing import Any, Literal

from cvcore.config.schema import Config
from cvcore.errors import LakesightError

Status = Literal["ok", "warn", "fail", "skipped"]


@dataclass
class Context:
    """What checks may look at.

    Attributes:
        config: the configuration that overrides gave; None if they do not compose.
        config_error: why not.
        client: of the workspace; None without `--databricks`.
        values: what an earlier check found and a later one needs.
    """

    config: Config | None
    config_error: str = ""
    client: Any = None
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What a check saw.

    Attributes:
        status: ok, warn, fail or skipped.
        said: one sentence.
        values: of the placeholders of the check's `fix`.
    """

    status: Status
    said: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One line of the checklist.

    Attributes:
        key: its name, also the heading in the docs.
        where: "local" or "databricks".
        looks_at: what it looks at.
        otherwise: what goes wrong when it is not as it should be.
        fix: the command or SQL that mends it; {placeholders} come from the verdict.
        look: looks.
    """

    key: str
    where: Literal["local", "databricks"]
    looks_at: str
    otherwise: str
    fix: str
    look: Callable[[Context], Verdict]

    def mended_by(self, values: dict[str, Any] | None = None) -> str:
        """Return `fix` with values; placeholders without one read `<name>`."""
        names = {name for _, name, _, _ in Formatter().parse(self.fix) if name}
        return self.fix.format(
            **{n: (values or {}).get(n, f"<{n.replace('_', ' ')}>") for n in names}
        )


@dataclass(frozen=True)
class Finding:
    """A check's line.

    Attributes:
        key: of the check.
        where: local or databricks.
        status: ok, warn, fail or skipped.
        said: one sentence.
        fix: what mends it; "" when there is nothing to mend.
    """

    key: str
    where: str
    status: Status
    said: str
    fix: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return it as JSON-able values."""
        return asdict(self)


def look(check: Check, context: Context) -> Finding:
    """Return a check's finding; a fault of the check itself is a failed line, not a traceback."""
    try:
        verdict = check.look(context)
    except LakesightError as error:
        verdict = Verdict("fail", str(error))
    except Exception as error:  # noqa: BLE001 (an edge: one check must not hide the others)
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        verdict = Verdict("fail", f"{type(error).__name__}: {said}")
    needs_fix = verdict.status in ("warn", "fail")
    fix = check.mended_by(verdict.values) if needs_fix else ""
    return Finding(check.key, check.where, verdict.status, verdict.said, fix)
