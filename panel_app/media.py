"""Pictures and files of pages over HTTP: a signed address says what is shown, so none can be made up.

A page asks `Media.url("thumbnail", ...)` for an address; the function registered under that word makes
the answer in a thread when the browser asks for it. Never a blob over the websocket.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer
from tornado.web import RequestHandler

from cvcore.errors import LakesightError

log = logging.getLogger(__name__)

_THREADS = 2


@dataclass(frozen=True)
class Answer:
    """What the browser gets.

    Attributes:
        body: the bytes.
        content_type: e.g. "image/jpeg".
        filename: offered for saving; "": shown in the page.
    """

    body: bytes
    content_type: str
    filename: str = ""


Make = Callable[[Mapping[str, Any]], Answer]


class Media:
    """Signs addresses and answers them. One per process; thread-safe."""

    def __init__(self, secret: str) -> None:
        """Take the secret that addresses are signed with."""
        self._signer = URLSafeSerializer(secret, salt="lakesight.media")
        self._makers: dict[str, Make] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="media")

    def register(self, kind: str, make: Make) -> None:
        """Have a function answer addresses of a kind; it may raise a LakesightError: 404, in words."""
        self._makers[kind] = make

    def url(self, kind: str, **values: Any) -> str:
        """Return the address of something, relative to the app's; the values are JSON-able."""
        return f"media/{self._signer.dumps([kind, values])!s}"

    def make(self, kind: str, values: Mapping[str, Any]) -> Answer:
        """Return what an address would: blocks, call it in a thread.

        Raises:
            LakesightError: it can't be made.
        """
        return self._makers[kind](values)

    async def answer(self, token: str) -> Answer:
        """Return what a token means.

        Raises:
            LakesightError: it can't be made.
            BadSignature: the token is not one of ours.
        """
        kind, values = self._signer.loads(token)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self.make, kind, values)


class MediaHandler(RequestHandler):
    """Answers `/media/<token>`."""

    def initialize(self, media: Media) -> None:
        """Take the media of the process."""
        self.media = media

    async def get(self, token: str) -> None:
        """Answer."""
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        try:
            answer = await self.media.answer(token)
        except BadSignature:
            self.set_status(403)
            return
        except LakesightError as error:
            self.set_status(404)
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.write(str(error))
            return
        self.set_header("Content-Type", answer.content_type)
        # The same address is the same picture for as long as the app runs.
        self.set_header("Cache-Control", "private, max-age=86400, immutable")
        if answer.filename:
            self.set_header("Content-Disposition", f'attachment; filename="{answer.filename}"')
        self.write(answer.body)

    def log_exception(self, *exc_info: Any) -> None:
        """Keep the traceback in the log; the browser gets a 500 without it."""
        log.error("a picture can't be made", exc_info=exc_info)
