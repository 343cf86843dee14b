"""One served version: its model is prepared, its scoring server started, and again when it dies."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from launch.local.queue import python_path
from launch.serving.local.files import EndpointFiles, ServedNow, WantedModel
from launch.serving.scoring import ENDPOINT_VARIABLE, ScoringServer, last_words

log = logging.getLogger(__name__)

_LOOK_S = 0.2
_FEW = 3
_LONG_S = 600.0
"""A version that dies more than a few times in this time is given up."""


class Version:
    """A version on its way, READY, or FAILED; `run` is its life."""

    def __init__(
        self, files: EndpointFiles, wanted: WantedModel, changed: Callable[[], None]
    ) -> None:
        """Take a version.

        Args:
            files: of the endpoint.
            wanted: what to serve.
            changed: is called whenever `now` is another.
        """
        self.wanted = wanted
        self.now = ServedNow("CREATING", "waits")
        self._files = files
        self._changed = changed
        self._model = files.models / wanted.name
        self._server = ScoringServer(
            self._model, files.log(wanted.name, "service"), wanted.environment, files.folder
        )
        self._preparing: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._deaths: list[float] = []
        self.task = asyncio.create_task(self._run(), name=wanted.name)

    @property
    def address(self) -> str | None:
        """Where it answers, None if it does not."""
        return self._server.url if self.now.state == "READY" else None

    async def stop(self) -> None:
        """End its processes."""
        self._stopping = True
        if self._preparing is not None and self._preparing.returncode is None:
            self._preparing.kill()
        await asyncio.to_thread(self._server.stop)
        await self.task

    async def _run(self) -> None:
        try:
            await self._prepare()
            while not self._stopping:
                await self._serve()
                if self._stopping or self._is_given_up():
                    return
                await asyncio.sleep(min(2.0 ** len(self._deaths), 30.0))
        except (_FailedError, OSError, subprocess.SubprocessError) as error:
            if not self._stopping:
                self._say("FAILED", str(error))

    async def _prepare(self) -> None:
        if (self._model / "MLmodel").is_file():
            return
        self._say("CREATING", "its model is being prepared")
        path = self._files.log(self.wanted.name, "build")
        words = [json.dumps(self.wanted.model.to_dict()), str(self._model)]
        with path.open("ab") as out:
            self._preparing = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "launch.serving.local.prepare", *words),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=_environment(self._files.folder),
            )
            code = await self._preparing.wait()
        if code != 0:
            raise _FailedError(f"its model can't be prepared: {last_words(path)}")

    async def _serve(self) -> None:
        """Start the server and return when it has ended."""
        self._say("CREATING", "its model is being loaded")
        self._server.start()
        why = await asyncio.to_thread(self._server.wait_ready)
        if why:
            await asyncio.to_thread(self._server.stop)
            if not self._stopping:
                raise _FailedError(why)
            return
        self._say("READY")
        while self._server.exit_code() is None:  # noqa: ASYNC110 (a process gives no event)
            await asyncio.sleep(_LOOK_S)

    def _is_given_up(self) -> bool:
        now = time.monotonic()
        self._deaths = [at for at in self._deaths if at > now - _LONG_S] + [now]
        code = self._server.exit_code()
        said = last_words(self._files.log(self.wanted.name, "service"))
        if len(self._deaths) > _FEW:
            why = f"its process ended {len(self._deaths)} times, last with exit code {code}: {said}"
            self._say("FAILED", why)
            return True
        log.warning("%s ended with exit code %s; it is started again", self.wanted.name, code)
        self._say("CREATING", f"its process ended with exit code {code}; it is started again")
        return False

    def _say(self, state: str, message: str = "") -> None:
        process = self._server.identity if state == "READY" else ""
        self.now = ServedNow(state, message, process, self._server.port)
        self._changed()


class _FailedError(Exception):
    """It can't be served; the message says why."""


def _environment(mark: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": python_path(), ENDPOINT_VARIABLE: str(mark)}
