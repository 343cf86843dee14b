"""One run, polled for all who watch it: how it is, its curves, what it writes.

A round costs one request, and one more for each curve that grew. New points come before old ones: of a
long curve its sample is shown first, the rest is read in parts between the rounds.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

from cvcore.errors import LakesightError
from cvcore.metrics import server
from cvcore.metrics.past import Past
from cvcore.metrics.stream import MOST, MetricReader, joined
from launch.errors import UnknownRun
from panel_app.background.curve import Curve
from panel_app.background.logtail import LogTail
from panel_app.rows import Details

log = logging.getLogger(__name__)

PERIOD_S = 0.35
_STATUS_S = 1.5
_AGAIN_S = 20.0
"""So often a curve is read once more from its start: a lower step that came late moves no newest point."""
_LONGEST_PAUSE_S = 15.0
_PAST_S = 0.2
"""So long a round reads of the past: new points wait for it."""
_EVERYTHING = frozenset[str]()


class Feed:
    """What is known of a run in this process. Written by one thread, read by any.

    Attributes:
        run_id: of the run.
        version: grows with every change; a session that has seen it need not look.
        details: the run, None until first read.
        fault: why the last read failed, in words; "" if it did not.
        is_unknown: whether there is no such run.
        curves: metric -> its points.
        output: what the run wrote.
    """

    def __init__(
        self,
        run_id: str,
        reader: Callable[[], MetricReader],
        details: Callable[[str], Details],
        most_points: int = 6_000_000,
    ) -> None:
        """Take what is read with; nothing is read yet.

        Args:
            run_id: of the run.
            reader: returns what reads metrics.
            details: reads how the run is.
            most_points: curves are not read as a whole beyond this many together.
        """
        self.run_id = run_id
        self.version = 0
        self.details: Details | None = None
        self.fault = ""
        self.is_unknown = False
        self.curves: dict[str, Curve] = {}
        self.output = LogTail()
        self._reader, self._details, self._most = reader, details, most_points
        self._wanted: Counter[frozenset[str]] = Counter()
        self._readers_of_output = 0
        self._pasts: dict[str, Past] = {}
        self._again: list[str] = []
        self._seen: dict[str, tuple[int, int, float]] = {}
        self._status_at = self._again_at = float("-inf")
        self._was_ended = False
        self._failures = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def num_watchers(self) -> int:
        """How many watch."""
        return self._wanted.total()

    @property
    def is_running(self) -> bool:
        """Whether its thread is at work."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def has_ended(self) -> bool:
        """Whether the run has come to its end."""
        return self.is_unknown or (self.details is not None and self.details.row.state.is_final)

    def join(self, keys: frozenset[str], output: bool) -> None:
        """Watch metrics (none given: all) and, if asked for, what the run writes."""
        with self._lock:
            self._wanted[keys] += 1
            self._readers_of_output += output
        self.look()

    def leave(self, keys: frozenset[str], output: bool) -> None:
        """Watch no longer; without anyone the thread ends."""
        with self._lock:
            self._wanted[keys] -= 1
            self._wanted += Counter()
            self._readers_of_output -= output
        self._wake.set()

    def look(self) -> None:
        """Look now, and go on if the run has not ended: somebody came, or did something to it."""
        self._status_at = float("-inf")
        self._wake.set()
        with self._lock:
            if not self.is_running and self._wanted.total():
                self._thread = threading.Thread(
                    target=self._run, name=f"feed-{self.run_id[:8]}", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._wanted.total():
                    self._thread = None
                    return
            self._wake.clear()
            start = time.monotonic()
            # Known before the read: what came until then is in what is read.
            ended = self.has_ended and self.details is not None
            whole = self._round()
            if self.is_unknown or (ended and whole and not self.fault):
                with self._lock:
                    # Somebody may have resumed the run in the meantime.
                    if not self._wake.is_set() or self.is_unknown:
                        self._thread = None
                        return
            took_s = time.monotonic() - start
            if self._failures:
                self._wake.wait(min(2.0**self._failures, _LONGEST_PAUSE_S))
            elif whole:
                self._wake.wait(max(PERIOD_S - took_s, took_s / 2, 0.02))

    def _round(self) -> bool:
        """Read what is new; return whether nothing of the past is left to read."""
        try:
            whole = self._read()
        except UnknownRun as error:
            self.is_unknown = True
            self._say(str(error))
            return True
        except LakesightError as error:
            self._failures += 1
            self._say(str(error))
            return False
        except Exception as error:  # noqa: BLE001 (an edge: every kind of tracking server raises its own)
            self._failures += 1
            log.warning("run %s can't be read: %s", self.run_id[:8], server.in_words(error))
            self._say(f"The tracking server does not answer: {server.in_words(error)}.")
            return False
        self._failures = 0
        self._say("")
        return whole

    def _read(self) -> bool:
        now = time.monotonic()
        if now - self._status_at >= _STATUS_S:
            # Before the read: one who asks meanwhile is not forgotten.
            self._status_at = now
            details = self._details(self.run_id)
            if details != self.details:
                self.details = details
                self.version += 1
        if self._readers_of_output and self.details is not None:
            self.version += self.output.read(self.details)
        unread = self._grow()
        if unread:
            self._begin(unread[0])
            return False
        return self._read_again(now) and self._backfill()

    def _grow(self) -> list[str]:
        """Read what curves got since the last round; return the metrics that have no curve yet."""
        newest = self._reader().newest(self.run_id)
        with self._lock:
            every = _EVERYTHING in self._wanted
            wanted = set().union(*self._wanted)
        unread = []
        for key, point in newest.items():
            if not every and key not in wanted:
                continue
            mark = (point.step, point.timestamp_ms, point.value)
            if self._seen.get(key) == mark:
                continue
            if key not in self._seen:
                unread.append(key)
                continue
            curve = self.curves[key]
            from_step = curve.last_step
            points = self._reader().after(self.run_id, key, -1 if from_step is None else from_step)
            self._seen[key] = mark
            self.version += curve.add(points)
        return sorted(unread, key=_first)

    def _begin(self, key: str) -> None:
        """Read a curve for the first time: all of it, or a sample of what is then read in parts."""
        newest = self._reader().newest(self.run_id)[key]
        mark = (newest.step, newest.timestamp_ms, newest.value)
        points = self._reader().interval(self.run_id, key)
        curve = Curve()
        if points is None:
            points = self._reader().whole(self.run_id, key)
        elif len(points) >= MOST:
            curve.is_whole = False
            if sum(map(len, self.curves.values())) < self._most:
                self._pasts[key] = Past(self._reader(), self.run_id, key, points)
        curve.add(points)
        self.curves[key] = curve
        self._seen[key] = mark
        self.version += 1

    def _backfill(self) -> bool:
        """Read a little more of one long curve; return whether nothing is left of any."""
        if not self._pasts:
            return True
        key, past = next(iter(self._pasts.items()))
        until = time.monotonic() + _PAST_S
        while past.read():
            if time.monotonic() >= until:
                return False
        del self._pasts[key]
        curve = self.curves[key]
        # Points that came while the parts were read are here, not in them.
        late = past.points()
        since = int(late.steps[-1]) if len(late) else -1
        curve.replace(joined([late, self._reader().after(self.run_id, key, since)]))
        curve.is_whole = True
        # Also where every point was in the sample: it is no sample any more.
        curve.version += 1
        self.version += 1
        return not self._pasts

    def _read_again(self, now: float) -> bool:
        """Now and then, and at the end, see whether lower steps came late; one curve a round."""
        if self.has_ended != self._was_ended or now - self._again_at >= _AGAIN_S:
            # The first time all of it has just been read.
            first = self._again_at == float("-inf")
            self._again = [] if first else list(self.curves)
            self._was_ended, self._again_at = self.has_ended, now
        if not self._again:
            return True
        key = self._again.pop()
        curve = self.curves[key]
        if curve.is_whole and len(curve) < MOST:
            points = self._reader().interval(self.run_id, key)
            if points is not None and len(points) < MOST:
                self.version += curve.add(points)
        return False

    def _say(self, fault: str) -> None:
        if fault != self.fault:
            self.fault = fault
            self.version += 1


def _first(key: str) -> tuple[bool, bool, str]:
    """Order metrics by how soon somebody looks for them."""
    return "loss" not in key, not key.startswith(("train/", "val/")), key
