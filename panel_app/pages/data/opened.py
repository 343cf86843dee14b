"""What the parts of the page Data share about the data set that is shown."""

from __future__ import annotations

from dataclasses import dataclass

from panel_app.data.choice import Choice
from panel_app.data.index import Index
from panel_app.data.inspection import Inspection
from panel_app.data.sets import DataSets


@dataclass(frozen=True)
class Opened:
    """A data set that is shown.

    Attributes:
        sets: of the process.
        choice: the data set.
        index: its images.
        inspection: what was found, or None before it was inspected.
    """

    sets: DataSets
    choice: Choice
    index: Index
    inspection: Inspection | None

    @property
    def key(self) -> str:
        """Name of the data set's index."""
        return self.choice.key
