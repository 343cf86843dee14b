"""A policy file of the promotion gate, checked key by key.

Policies are `gate/<name>.yaml` of the user's conf folders, then of ours; or any file. They are data
of their own, not part of a run: what a run may override must not weaken its gate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from cvcore.config.paths import conf_dir, user_conf_dirs
from cvcore.errors import ConfigError, did_you_mean
from cvcore.evaluate.names import describe
from cvcore.serve.robustness.record import CHANGES

GROUP = "gate"
DEFAULT = "default"
SPLITS = ("test", "val")


@dataclass(frozen=True)
class Policy:
    """What a version must be to be promoted; None and empty: no such rule.

    Attributes:
        title: the file's name without its ending.
        split: whose figures count; val where a version has no test split, which its line says.
        metrics: figure -> least value (largest, where less is better). Figures of other tasks
            than the version's do not apply.
        max_drop: how far the main figure may lie below the champion's.
        max_class_drop: how far any class may lie below the champion's.
        min_class_objects: classes with fewer objects (images, pixels) in the truth are not compared.
        keep_classes: every class of the champion must still be there.
        latency_p95_ms: most milliseconds for one image, 95th percentile.
        size_mib: largest model folder.
        licences: allowed licences of the weights (SPDX ids).
        robustness: change (or `mean`) -> least share of the figure that must be left, 0..1.
    """

    title: str = DEFAULT
    split: str = "test"
    metrics: Mapping[str, float] = field(default_factory=dict)
    max_drop: float | None = None
    max_class_drop: float | None = None
    min_class_objects: int = 1
    keep_classes: bool = False
    latency_p95_ms: float | None = None
    size_mib: float | None = None
    licences: Sequence[str] = ()
    robustness: Mapping[str, float] = field(default_factory=dict)

    @property
    def needs_latency(self) -> bool:
        """Whether speed is judged."""
        return self.latency_p95_ms is not None

    @property
    def needs_robustness(self) -> bool:
        """Whether robustness is judged."""
        return bool(self.robustness)


def policies(conf_dirs: Sequence[str | Path] | None = None) -> dict[str, Path]:
    """Return the policies that can be named: name -> file; the user's hide ours."""
    found: dict[str, Path] = {}
    for folder in (conf_dir(), *reversed(user_conf_dirs(conf_dirs))):
        found |= {file.stem: file for file in sorted((folder / GROUP).glob("*.yaml"))}
    return dict(sorted(found.items()))


def load(name: str = DEFAULT, conf_dirs: Sequence[str | Path] | None = None) -> Policy:
    """Return a policy.

    Args:
        name: of a policy, or the path of a file (it ends in .yaml, or has a slash).
        conf_dirs: the user's conf folders; None: those of `LAKESIGHT_CONF_PATH`.

    Raises:
        ConfigError: there is none, or it says something that no rule understands.
    """
    known = policies(conf_dirs)
    if name in known:
        return of(known[name])
    if name.endswith((".yaml", ".yml")) or "/" in name:
        return of(Path(name).expanduser())
    raise ConfigError(
        f"there is no gate policy {name!r}. Policies: {', '.join(known)}; or give a file "
        f"(gate.yaml, ./{name}.yaml).{did_you_mean(name, known)}"
    )


def of(file: Path) -> Policy:
    """Return the policy of a file.

    Raises:
        ConfigError: it can't be read, or a key or value is wrong; names it.
    """
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"the gate policy {file} can't be read: {error}") from error
    return parse(values or {}, file.stem, str(file))


def parse(values: Any, title: str, where: str) -> Policy:
    """Return the policy of values as read from YAML.

    Raises:
        ConfigError: as `of`.
    """
    if not isinstance(values, dict):
        raise ConfigError(
            f"{where} is not a gate policy: it holds no keys such as `max_drop: 0.01`."
        )
    allowed = [item.name for item in fields(Policy) if item.name != "title"]
    for key in values:
        if key not in allowed:
            raise ConfigError(
                f"{where}: {key!r} is not a rule of the gate. Rules: {', '.join(allowed)}."
                + did_you_mean(str(key), allowed)
            )
    number = _Numbers(where)
    split = values.get("split", "test")
    if split not in SPLITS:
        raise ConfigError(f"{where}: split: {split!r} is not test or val.")
    metrics = number.table("metrics", values.get("metrics"))
    for key in metrics:
        describe(key)
    robustness = number.table("robustness", values.get("robustness"), 0, 1)
    for change in robustness:
        if change not in (*CHANGES, "mean"):
            raise ConfigError(
                f"{where}: robustness: {change!r} is not measured. Changes: "
                f"{', '.join(CHANGES)}, mean.{did_you_mean(change, (*CHANGES, 'mean'))}"
            )
    return Policy(
        title=title,
        split=split,
        metrics=metrics,
        max_drop=number.one("max_drop", values.get("max_drop"), -1, 1),
        max_class_drop=number.one("max_class_drop", values.get("max_class_drop"), -1, 1),
        min_class_objects=int(
            number.one("min_class_objects", values.get("min_class_objects", 1), 1) or 1
        ),
        keep_classes=_flag(where, "keep_classes", values.get("keep_classes", False)),
        latency_p95_ms=number.one("latency_p95_ms", values.get("latency_p95_ms"), 0),
        size_mib=number.one("size_mib", values.get("size_mib"), 0),
        licences=_texts(where, "licences", values.get("licences") or []),
        robustness=robustness,
    )


@dataclass(frozen=True)
class _Numbers:
    where: str

    def one(
        self, key: str, value: Any, low: float | None = None, high: float | None = None
    ) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise ConfigError(f"{self.where}: {key}: {value!r} is not a number.")
        if (low is not None and value < low) or (high is not None and value > high):
            span = f"{low:g} to {high:g}" if high is not None else f"{low:g} or more"
            raise ConfigError(f"{self.where}: {key}: {value:g} is out of its bounds, {span}.")
        return float(value)

    def table(
        self, key: str, value: Any, low: float | None = None, high: float | None = None
    ) -> dict[str, float]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise ConfigError(f"{self.where}: {key}: {value!r} is not a table of numbers by name.")
        rows = {str(k): self.one(f"{key}.{k}", v, low, high) for k, v in value.items()}
        return {name: number for name, number in rows.items() if number is not None}


def _flag(where: str, key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{where}: {key}: {value!r} is not true or false.")
    return value


def _texts(where: str, key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{where}: {key}: {value!r} is not a list of texts.")
    return tuple(value)
