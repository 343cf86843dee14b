"""A gzipped file of JSON lines that grows with each batch of an evaluation."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from cvcore.data.labels import LabelSpace
from cvcore.data.samples import Prediction, Truth

_COMPRESSION = 3
"""gzip level: a third of the time of the default at nearly its size."""


class LineFile:
    """An observer of `loop.evaluate_batches`, and a context manager; a subclass says which lines.

    Attributes:
        path: of the file.
        source_ids: of the classes, in order.
    """

    def __init__(self, path: Path, labels: LabelSpace) -> None:
        """Open the file; it is replaced."""
        self.path = path
        self.source_ids = [label.source_id for label in labels.labels]
        self._file = gzip.open(path, "wt", compresslevel=_COMPRESSION, encoding="utf-8")  # noqa: SIM115

    def lines(
        self, predictions: Sequence[Prediction], truths: Sequence[Truth]
    ) -> Iterator[dict[str, Any]]:
        """Yield the lines of one batch, JSON-able."""
        raise NotImplementedError

    def __enter__(self) -> LineFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        if error is not None:  # half a file is worse than none
            self.path.unlink(missing_ok=True)

    def __call__(
        self,
        outputs: Any,  # noqa: ARG002 (an observer's signature)
        predictions: Sequence[Prediction],
        truths: Sequence[Truth],
    ) -> None:
        """Write one batch."""
        for line in self.lines(predictions, truths):
            self._file.write(json.dumps(line, default=str) + "\n")
