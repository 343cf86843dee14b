"""One measured value of a run. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One point of one curve.

    Attributes:
        key: name with its unit, see `cvcore.metrics.names`.
        value: may be NaN or infinite.
        step: optimizer steps done (`system/*`: number of the sample).
        timestamp_ms: milliseconds since the epoch.
    """

    key: str
    value: float
    step: int
    timestamp_ms: int
