"""Reads all points of a long curve in small parts, so that new points need not wait. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cvcore.metrics.stream import MOST, MetricReader, Points, joined


class Past:
    """The points of one curve, from its first step to the last one of a sample.

    The steps of the sample divide the curve evenly: a part is as many of its gaps as one answer of the
    interval route holds. A page would cost a server more: it sorts the curve anew for each.

    Example:
        >>> past = Past(reader, "3f2a", "train/loss", sample)  # doctest: +SKIP
        >>> while past.read(): ...  # doctest: +SKIP
        >>> past.points()  # doctest: +SKIP
    """

    def __init__(self, reader: MetricReader, run_id: str, key: str, sample: Points) -> None:
        """Take what to read; nothing is read yet.

        Args:
            reader: of its server.
            run_id: of the run.
            key: of the metric.
            sample: as `MetricReader.interval` gives of the whole curve.
        """
        self._reader, self._run_id, self._key = reader, run_id, key
        self._steps = np.unique(sample.steps)
        self._next = 0
        self._gaps = 1
        self._pages: Iterator[Points] | None = None
        self._parts: list[Points] = []

    def read(self) -> bool:
        """Read one more part; return whether there was one. After an error it goes on.

        Raises:
            MlflowException: no such run, or the server can't be reached.
        """
        if self._pages is None:
            if self._next >= len(self._steps):
                return False
            if self._read_gaps():
                return True
            # Many points of one step, or a server that gives no intervals.
            self._turn_pages()
        assert self._pages is not None
        try:
            part = next(self._pages, None)
        except Exception:
            # An iterator that has raised is at its end.
            self._turn_pages()
            raise
        if part is not None:
            self._parts.append(part)
        return part is not None

    def points(self) -> Points:
        """Return what was read."""
        return joined(self._parts)

    def _read_gaps(self) -> bool:
        """Read some gaps; return whether one answer holds a single one at all."""
        steps = self._steps
        while True:
            end = min(self._next + self._gaps, len(steps))
            last = int(steps[end]) - 1 if end < len(steps) else int(steps[-1])
            found = self._reader.interval(self._run_id, self._key, int(steps[self._next]), last)
            if found is not None and len(found) < MOST:
                break
            if found is None or self._gaps == 1:
                return False
            self._gaps //= 2
        self._next = end
        self._parts.append(found)
        # The gaps are alike: twice as many hold twice as many points.
        if 2 * len(found) < 0.9 * MOST:
            self._gaps *= 2
        return True

    def _turn_pages(self) -> None:
        self._pages, self._parts = self._reader.pages(self._run_id, self._key), []
