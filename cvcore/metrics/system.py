"""Samples the machine while a run trains. Torch-free: the device is asked through a callback."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from cvcore.metrics.tracker import Tracker

GIB = float(1 << 30)


class SystemSampler:
    """Logs `system/*` every interval from a thread until `stop`."""

    def __init__(
        self,
        tracker: Tracker,
        run_dir: Path,
        interval_s: float,
        device: Callable[[], dict[str, float]] = dict,
    ) -> None:
        """Start sampling.

        Args:
            tracker: takes the points; a step is the number of the sample.
            run_dir: whose disk is watched.
            interval_s: between two samples, seconds.
            device: returns more values, e.g. of the GPU.
        """
        self._tracker = tracker
        self._run_dir = run_dir
        self._interval_s = interval_s
        self._device = device
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="system-metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        import psutil

        psutil.cpu_percent()
        step = max(self._tracker.last_step("system/cpu_pct"), 0)
        while not self._stop.wait(self._interval_s):
            step += 1
            values = {
                "system/cpu_pct": psutil.cpu_percent(),
                "system/memory_used_gib": psutil.virtual_memory().used / GIB,
                "system/disk_free_gib": psutil.disk_usage(str(self._run_dir)).free / GIB,
                **self._device(),
            }
            self._tracker.log(values, step)
