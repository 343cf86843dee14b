"""The one shape of a metric: updated batch by batch, merged across ranks, computed at the end.

Torch-free, so that the app can recompute figures from saved states.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from cvcore.data.samples import Prediction, Truth


class StreamingMetric(Protocol):
    """A metric whose memory does not grow with pixels.

    `state()` is picklable; `merge(other.state())` gives exactly what one process that saw both
    streams would have, whatever the order. An image seen twice (by its id) counts once.
    """

    def update(self, predictions: Sequence[Prediction], truths: Sequence[Truth]) -> None:
        """Take one batch; predictions[i] belongs to truths[i]."""
        ...

    def state(self) -> Any:
        """Return everything `merge` needs."""
        ...

    def merge(self, state: Any) -> None:
        """Take in another process's `state()`."""
        ...

    def compute(self) -> dict[str, float]:
        """Return figures by name, e.g. {"AP": 0.42, "AP50": 0.61}; NaN where undefined."""
        ...

    def per_class(self) -> dict[str, dict[str, float]]:
        """Return figures of each class: {"cat": {"AP": 0.4, ...}, ...}, in label order."""
        ...
