"""A browser tab without a browser: fetches the app's page, opens its websocket and reads what arrives.

What Bokeh's own JavaScript does, as far as the server can tell: the page's session token as websocket
subprotocol, PULL-DOC, then the event `document_ready`. Source: docs.bokeh.org, "Server protocol".
"""

from __future__ import annotations

import json
import re
import struct
import time
from collections.abc import Callable, Iterable

import aiohttp

_READY = {
    "events": [
        {
            "kind": "MessageSent",
            "msg_type": "bokeh_event",
            "msg_data": {
                "type": "event",
                "name": "document_ready",
                "values": {"type": "map", "entries": []},
            },
        }
    ]
}


class Tab:
    """One open tab."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        """Take where to go; nothing is asked yet."""
        self.http, self.url = http, url
        self.opened_s = 0.0
        self.num_bytes = 0

    async def open(self) -> None:
        """Fetch the page and connect; `opened_s` is how long it took until the document was there."""
        start = time.perf_counter()
        async with self.http.get(self.url) as answer:
            text = await answer.text()
        found = re.search(r'"token":"([^"]+)"', text)
        if found is None:
            raise RuntimeError(f"{self.url} is no page of the app: {text[:300]}")
        base, _, query = self.url.partition("?")
        address = base.replace("http", "ws", 1) + "ws" + (f"?{query}" if query else "")
        self.socket = await self.http.ws_connect(
            address, protocols=["bokeh", found[1]], max_msg_size=0
        )
        for _ in range(3):
            await self.socket.receive()
        await self._send("PULL-DOC-REQ", {})
        for _ in range(3):
            await self.socket.receive()
        await self._send("PATCH-DOC", _READY)
        self.opened_s = time.perf_counter() - start

    async def read(self, seen: Callable[[bytes, float], None]) -> None:
        """Hand each frame that arrives, and when, to a function until the socket is closed."""
        async for message in self.socket:
            data = message.data.encode() if isinstance(message.data, str) else message.data
            self.num_bytes += len(data)
            seen(data, time.time())

    async def close(self) -> None:
        """Close the tab."""
        await self.socket.close()

    async def _send(self, kind: str, content: dict) -> None:
        header = {"msgid": f"{id(self)}-{time.perf_counter_ns()}", "msgtype": kind}
        for part in (header, {}, content):
            await self.socket.send_str(json.dumps(part))


def marks(values: Iterable[float]) -> dict[bytes, float]:
    """Return how numbers look in a frame: as JSON's text and as eight bytes -> the number."""
    found = {}
    for value in values:
        found[repr(value).encode()] = value
        found[struct.pack("<d", value)] = value
    return found
