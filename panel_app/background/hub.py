"""Which runs are watched: one feed for each, however many sessions watch it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection

from cvcore.metrics.stream import MetricReader
from panel_app.background.feed import Feed
from panel_app.rows import Details

_IDLE = 12
"""Feeds that nobody watches are kept, so that coming back shows them at once; the oldest goes."""


class Watching:
    """A session's hold on a feed. The hub knows nothing of the session."""

    def __init__(self, hub: Hub, feed: Feed, keys: frozenset[str], output: bool) -> None:
        """Join the feed."""
        self.feed = feed
        self._hub, self._keys, self._output = hub, keys, output
        self._closed = False
        feed.join(keys, output)

    def close(self) -> None:
        """Let go; a second time does nothing."""
        if not self._closed:
            self._closed = True
            self.feed.leave(self._keys, self._output)
            self._hub.tidy()


class Hub:
    """The feeds of one process. Thread-safe.

    Example:
        >>> watching = hub.watch("3f2a")  # doctest: +SKIP
        >>> watching.feed.curves["train/loss"].pull()  # doctest: +SKIP
    """

    def __init__(
        self, reader: Callable[[], MetricReader], details: Callable[[str], Details]
    ) -> None:
        """Take what feeds read with."""
        self._reader, self._details = reader, details
        self._feeds: OrderedDict[str, Feed] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def num_polled(self) -> int:
        """How many runs are polled now."""
        with self._lock:
            return sum(feed.is_running for feed in self._feeds.values())

    def watch(self, run_id: str, keys: Collection[str] = (), output: bool = False) -> Watching:
        """Watch a run until the answer is closed.

        Args:
            run_id: of the run.
            keys: metrics; none: all.
            output: whether what it writes is wanted too.
        """
        with self._lock:
            feed = self._feeds.get(run_id)
            if feed is None:
                feed = self._feeds[run_id] = Feed(run_id, self._reader, self._details)
            self._feeds.move_to_end(run_id)
            return Watching(self, feed, frozenset(keys), output)

    def look(self, run_id: str) -> None:
        """Have a run looked at now: something was done to it."""
        with self._lock:
            feed = self._feeds.get(run_id)
        if feed is not None:
            feed.look()

    def tidy(self) -> None:
        """Forget feeds that nobody has watched for long."""
        with self._lock:
            idle = [run_id for run_id, feed in self._feeds.items() if not feed.num_watchers]
            for run_id in idle[: max(len(idle) - _IDLE, 0)]:
                del self._feeds[run_id]
