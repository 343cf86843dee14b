"""What an endpoint's process does besides answering: a flight recorder, a look for alerts now and then."""

from __future__ import annotations

import asyncio
import logging
import time

from cvcore.errors import LakesightError
from launch.monitor import settings, uptime, watch
from launch.monitor.model_files import labels_hash
from launch.monitor.recorder import Recorder
from launch.serving.local.endpoints import LocalEndpoints
from launch.serving.local.files import EndpointFiles
from launch.serving.local.gateway import Gateway

log = logging.getLogger(__name__)

_LOOK_S = 1.0
_NOTE_S = 10.0


class Watching:
    """Of one endpoint; `run` is its life."""

    def __init__(self, files: EndpointFiles, name: str, gateway: Gateway) -> None:
        """Begin to record."""
        self._files, self._name, self._gateway = files, name, gateway
        self._endpoints = LocalEndpoints(files.folder.parent)
        self._folder = files.folder / "monitor"
        self._conf = settings.read(self._folder)
        gateway.recorder = self._recorder()

    async def run(self) -> None:
        """Take up other settings, and look for alerts; until it is cancelled."""
        passed_s, noted_at = 0.0, float("-inf")
        while True:
            await asyncio.sleep(_LOOK_S)
            passed_s += _LOOK_S
            if self._gateway.balance.shares and time.monotonic() >= noted_at + _NOTE_S:
                noted_at = time.monotonic()
                await asyncio.to_thread(uptime.note, self._folder)
            conf = await asyncio.to_thread(settings.read, self._folder)
            if conf != self._conf:
                former, self._conf = self._gateway.recorder, conf
                self._gateway.recorder = None
                if former is not None:
                    await asyncio.to_thread(former.close)
                self._gateway.recorder = self._recorder()
            if passed_s >= self._conf.check_every_s:
                passed_s = 0.0
                await asyncio.to_thread(self._check)

    def close(self) -> None:
        """Write what waits to be recorded."""
        if self._gateway.recorder is not None:
            self._gateway.recorder.close()

    def _recorder(self) -> Recorder:
        return Recorder(
            self._folder, self._conf, lambda served: labels_hash(self._files.models / served)
        )

    def _check(self) -> None:
        try:
            watch.check(self._endpoints, self._name)
        except (LakesightError, OSError) as error:
            log.warning("alerts could not be looked for: %s", error)
