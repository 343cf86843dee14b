"""Delivers what the training spools: in this process, so that the ranks need no credentials."""

from __future__ import annotations

import contextlib
import logging
import threading
from pathlib import Path

from cvcore.metrics.delivery import Delivery

_log = logging.getLogger(__name__)

_IDLE_S = 1.0
_LONGEST_PAUSE_S = 30.0


class Courier:
    """A thread that brings one run's spool to its tracking server."""

    def __init__(self, run_dir: Path, uri: str, run_id: str) -> None:
        """Start.

        Args:
            run_dir: the run's folder on this machine.
            uri: MLflow tracking URI; this process can sign in there.
            run_id: of an existing MLflow run.
        """
        self._delivery = Delivery(run_dir, uri, run_id)
        if self._delivery.spool.acknowledged() == 0:
            # The run may have points of an earlier node; the server is asked.
            self._delivery.steps_before = None
        self._closing = threading.Event()
        self._complained = False
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()

    def close(self, wait_s: float) -> int:
        """Deliver what is left; return how many entries could not be.

        Args:
            wait_s: how long to try, seconds.
        """
        self._closing.set()
        self._thread.join(wait_s)
        left = self._delivery.spool.num_pending() + self._delivery.num_refused
        if left:
            _log.warning("%d entries of the run could not be brought to MLflow", left)
        return left

    def _run(self) -> None:
        pause_s = _IDLE_S
        while True:
            closing = self._closing.is_set()
            try:
                while self._delivery.step():
                    pause_s = _IDLE_S
                if closing:
                    self._once_more()
                    return
                self._closing.wait(_IDLE_S)
            except Exception as error:  # noqa: BLE001 (an edge: no fault of a server may end a training)
                if not self._complained:
                    _log.warning("MLflow does not take metrics (%s); kept for later", error)
                self._complained = True
                self._closing.wait(pause_s)
                if closing:
                    threading.Event().wait(_IDLE_S)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _once_more(self) -> None:
        """Try again what the server refused."""
        for entry in self._delivery.refused():
            with contextlib.suppress(Exception):
                self._delivery.directly([entry])
