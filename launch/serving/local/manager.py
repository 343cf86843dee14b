"""`python -m launch.serving.local.manager <folder>`: an endpoint's own process.

It does what `wanted.json` says: starts versions, moves the traffic once all of them answer, ends
those no longer wanted, starts again what died. SIGTERM lets requests finish and ends all of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from pathlib import Path

import uvicorn

from launch.local.process import identity
from launch.serving.local.files import EndpointFiles, Now, Wanted
from launch.serving.local.gateway import Gateway
from launch.serving.local.requests_log import RequestsLog
from launch.serving.local.version import Version
from launch.serving.local.watching import Watching
from launch.serving.scoring import kill_left_over

log = logging.getLogger(__name__)

_LOOK_S = 0.2
_GRACE_S = 20


class Manager:
    """An endpoint while it runs; `run` is all of it."""

    def __init__(self, files: EndpointFiles, wanted: Wanted) -> None:
        """Take the endpoint; its lock is held."""
        self.files = files
        self.wanted = wanted
        self.versions: dict[str, Version] = {}
        self.gateway = Gateway(wanted.name, RequestsLog(files.requests), self._address)
        self._read_at = 0
        self._watch = Watching(files, wanted.name, self.gateway)
        self._leaving: set[asyncio.Task[None]] = set()
        self._last: Now | None = None

    async def run(self) -> None:
        """Serve until SIGTERM, or until a person stops it."""
        config = uvicorn.Config(
            self.gateway.app,
            host="127.0.0.1",
            port=self.wanted.port,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
        server = uvicorn.Server(config)
        looking = asyncio.create_task(self._keep_to_plan(server))
        watching = asyncio.create_task(self._watch.run())
        # Nobody would look after it any more: then it rather ends, and says so.
        looking.add_done_callback(lambda _: setattr(server, "should_exit", True))
        try:
            await server.serve()
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking
        finally:
            watching.cancel()
            await asyncio.gather(*(one.stop() for one in self.versions.values()), *self._leaving)
            await asyncio.to_thread(self._watch.close)
            await self.gateway.close()
            log.info("stopped")

    async def _keep_to_plan(self, server: uvicorn.Server) -> None:
        while not server.should_exit:
            if self._has_changed():
                wanted = await asyncio.to_thread(self.files.read_wanted)
                if wanted is None or wanted.stopped:
                    server.should_exit = True
                    return
                self.wanted = wanted
            self._reconcile()
            await asyncio.sleep(_LOOK_S)

    def _has_changed(self) -> bool:
        try:
            at = self.files.wanted.stat().st_mtime_ns
        except OSError:
            return True  # deleted
        changed, self._read_at = at != self._read_at, at
        return changed

    def _reconcile(self) -> None:
        plan = self.wanted.plan
        for model in plan.models:
            if model.name not in self.versions:
                log.info("serving %s", model.name)
                self.versions[model.name] = Version(self.files, model, self._write)
        wanted = {model.name for model in plan.models}
        if all(self.versions[name].now.state == "READY" for name in wanted):
            if self.gateway.balance.shares != plan.shares:
                log.info("traffic: %s", plan.shares)
                self.gateway.balance.set(plan.shares)
            for name in [name for name in self.versions if name not in wanted]:
                self._let_go(name)
        # A version that was taken back before it answered is in nobody's way.
        for name in [name for name in self.versions if name not in wanted]:
            if name not in self.gateway.balance.shares:
                self._let_go(name)
        self._write()

    def _let_go(self, name: str) -> None:
        leaving = asyncio.create_task(self._end(name, self.versions.pop(name)))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    async def _end(self, name: str, version: Version) -> None:
        for _ in range(int(_GRACE_S / _LOOK_S)):
            if not self.gateway.in_flight.get(name):
                break
            await asyncio.sleep(_LOOK_S)
        await version.stop()
        log.info("%s has ended", name)

    def _address(self, name: str) -> str | None:
        version = self.versions.get(name)
        return None if version is None else version.address

    def _write(self) -> None:
        served = {name: version.now for name, version in self.versions.items()}
        failed = [f"{name}: {now.message}" for name, now in served.items() if now.state == "FAILED"]
        now = Now(
            identity(os.getpid()),
            dict(self.gateway.balance.shares),
            served,
            self.wanted.changes,
            "; ".join(failed),
        )
        if now != self._last:
            self._last = now
            self.files.write_now(now)


def main(words: list[str]) -> int:
    """Run an endpoint; 0 if it was stopped, or is run by another process already."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    files = EndpointFiles(Path(words[0]))
    lock = files.try_lock()
    if lock is None:
        return 0
    with lock:
        wanted = files.read_wanted()
        if wanted is None or wanted.stopped:
            return 0
        if count := kill_left_over(files.folder):
            log.warning("ended %d processes that a killed manager left behind", count)
        # The web server takes the signal, and raises it again when it has ended: then there is still
        # something to be done.
        signal.signal(signal.SIGTERM, lambda *_: None)
        asyncio.run(Manager(files, wanted).run())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
