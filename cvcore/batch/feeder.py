"""Images decoded and fitted ahead of their turn, shard after shard."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

from cvcore.batch.inputs import Item
from cvcore.data.images import decode
from cvcore.errors import DataError

MAX_PIXELS = 100_000_000
Fit = Callable[[Any], Any]


@dataclass(frozen=True)
class Ready:
    """An image at the model's size, or the reason why it has none.

    Attributes:
        shard: it belongs to.
        name: in the output.
        fitted: what `Predictor.fit` gave; None: it can't be read.
        error: why.
        is_last: whether the shard ends with it.
    """

    shard: int
    name: str
    fitted: Any
    error: str
    is_last: bool


class Feeder:
    """Gives images in order; others decode meanwhile, also those of the next shard."""

    def __init__(
        self,
        shards: queue.Queue[int],
        items: Callable[[int], list[Item]],
        fit: Fit,
        executor: Executor,
        ahead: int,
    ) -> None:
        """Take where shards come from.

        Args:
            shards: numbers; more may come at any time.
            items: returns the images of a shard.
            fit: makes a decoded image fit for the model; called in threads.
            executor: of the threads.
            ahead: images that are decoded before their turn.
        """
        self._shards, self._items, self._fit = shards, items, fit
        self._executor, self._ahead = executor, ahead
        self._waiting: deque[tuple[int, Item, bool]] = deque()
        self._running: deque[tuple[int, Item, bool, Future[tuple[Any, str]]]] = deque()

    def __iter__(self) -> Iterator[Ready]:
        """Yield images for ever; waits for a shard when it has none."""
        while True:
            self._fill()
            shard, item, is_last, future = self._running.popleft()
            fitted, error = future.result()
            yield Ready(shard, item.name, fitted, error, is_last)

    def _fill(self) -> None:
        while len(self._running) < self._ahead:
            if not self._waiting and not self._next_shard(wait=not self._running):
                return
            shard, item, is_last = self._waiting.popleft()
            future = self._executor.submit(self._ready, item)
            self._running.append((shard, item, is_last, future))

    def _next_shard(self, *, wait: bool) -> bool:
        try:
            shard = self._shards.get(block=wait)
        except queue.Empty:
            return False
        items = self._items(shard)
        self._waiting.extend((shard, item, item is items[-1]) for item in items)
        return True

    def _ready(self, item: Item) -> tuple[Any, str]:
        if item.ref is None:
            return None, item.error
        try:
            return self._fit(decode(item.ref, MAX_PIXELS)), ""
        except DataError as error:
            return None, str(error)
