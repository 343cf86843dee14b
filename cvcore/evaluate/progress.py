"""How far an evaluation is: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from tqdm import tqdm

from cvcore.data.samples import Prediction, Truth

log = logging.getLogger(__name__)

_LINE_EVERY_S = 30.0
_SHORT_S = 0.5
"""An evaluation shorter than this has no bar: it would only flicker."""


class Progress:
    """An observer of `loop.evaluate_batches` and a context manager."""

    def __init__(self, title: str, num_images: int, world: int = 1) -> None:
        """Take what to count.

        Args:
            title: of the bar.
            num_images: of the split.
            world: processes that share them.
        """
        self.title = title
        self.num_images = -(-num_images // world)
        self.done = 0
        self._start = self._last_line = time.monotonic()
        self._bar: tqdm[Any] = tqdm(
            total=self.num_images,
            desc=title,
            unit="image",
            dynamic_ncols=True,
            leave=False,
            delay=_SHORT_S,
            disable=not sys.stderr.isatty(),
        )

    @property
    def elapsed_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._start

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()

    def __call__(
        self,
        outputs: Any,  # noqa: ARG002 (an observer's signature)
        predictions: Sequence[Prediction],
        truths: Sequence[Truth],  # noqa: ARG002
    ) -> None:
        """Count one batch."""
        self.done += len(predictions)
        self._bar.update(len(predictions))
        now = time.monotonic()
        if self._bar.disable and now - self._last_line >= _LINE_EVERY_S:
            self._last_line = now
            left_s = self.elapsed_s / self.done * max(0, self.num_images - self.done)
            log.info(
                "%s: %d of %d images, %.0f s left", self.title, self.done, self.num_images, left_s
            )
