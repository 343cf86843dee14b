"""Starts and ends the web server: one process, one application, signed sessions, clean shutdown."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import signal
import sys
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Assets come from this process, never from another host; read when Bokeh is imported.
os.environ["BOKEH_RESOURCES"] = "server"

import panel as pn
from panel_material_ui.theme import MaterialDesign
from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler
from tornado.websocket import WebSocketClosedError

from cvcore.errors import ConfigError
from panel_app import deeds
from panel_app.app import create_app
from panel_app.appearance import COOKIE
from panel_app.guard import MAX_BODY_BYTES, MAX_MESSAGE_BYTES, guard, loopback_hosts
from panel_app.identity import HEADERS
from panel_app.lean import import_mlflow
from panel_app.media import Media, MediaHandler
from panel_app.reconnect import LOST
from panel_app.roots import Roots
from panel_app.services import Services
from panel_app.theme import Theme
from panel_app.tracking import Tracking
from panel_app.up import keep_noting

_SESSION_LIFETIME_MS = 60_000
"""How long the session of a closed page is kept, so that a short loss of the network shows nothing."""

_HAND_OVER_S = 8.0
"""So long the end waits for what is being handed over; the platform kills after 15 s."""


@dataclass(frozen=True)
class Settings:
    """What the command line says; see `panel_app.cli.app`."""

    port: int = 5006
    address: str = "127.0.0.1"
    open_browser: bool = False
    behind_proxy: bool = False
    origins: tuple[str, ...] = ()
    theme: Path | None = None
    tracking_uri: str = ""
    roots: tuple[str, ...] = ()
    embedded_by: tuple[str, ...] = ()
    session_lifetime_ms: int = _SESSION_LIFETIME_MS

    @property
    def is_shared(self) -> bool:
        """Whether others than the one who started the app can reach it."""
        return self.behind_proxy or self.address not in ("127.0.0.1", "localhost", "::1")

    @property
    def tracking(self) -> Tracking:
        """Where the ledger is.

        Raises:
            ConfigError: what is given is no address of a tracking server.
        """
        return Tracking(self.tracking_uri, shared=self.is_shared)


class Health(RequestHandler):
    """Answers `ok`: the event loop runs. Asks no other server."""

    def get(self) -> None:
        """Answer."""
        self.set_header("Content-Type", "text/plain")
        self.set_header("Cache-Control", "no-store")
        self.write("ok")


def make_server(settings: Settings, tracking: Tracking | None = None) -> Any:
    """Return the server, listening but not yet running.

    Args:
        settings: of the command line.
        tracking: where the ledger is; None: as the settings say, started when it is first needed.

    Raises:
        ConfigError: the port is taken, or the ledger or the theme can't be used.
    """
    theme = Theme.load(settings.theme)
    secret = os.environ.get("BOKEH_SECRET_KEY") or secrets.token_urlsafe(48)
    media = Media(secret)
    roots = Roots.of(settings.roots, shared=settings.is_shared)
    services = Services(tracking or settings.tracking, media, roots)
    pn.extension(
        "tabulator",
        "codeeditor",
        design=MaterialDesign,
        notifications=True,
        disconnect_notification=LOST,
    )

    # Panel calls functions only; of a partial it would show the text.
    def app() -> Any:
        return create_app(services, theme, settings.behind_proxy)

    options: dict[str, Any] = {}
    if settings.origins:
        options["websocket_origin"] = list(settings.origins)
    try:
        server: Any = pn.io.server.get_server(
            {"/": app},
            port=settings.port,
            address=settings.address,
            title=theme.title,
            start=False,
            show=False,
            sign_sessions=True,
            secret_key=secret.encode(),
            generate_session_ids=True,
            extra_patterns=[
                (r"/health", Health),
                (r"/media/([\w.-]+)", MediaHandler, {"media": media}),
            ],
            # The page's token holds these in the clear: no other cookie, no access token.
            include_headers=list(HEADERS),
            include_cookies=[COOKIE],
            use_xheaders=settings.behind_proxy,
            unused_session_lifetime_milliseconds=settings.session_lifetime_ms,
            check_unused_sessions_milliseconds=min(10_000, settings.session_lifetime_ms),
            websocket_max_message_size=MAX_MESSAGE_BYTES,
            http_server_kwargs={"max_body_size": MAX_BODY_BYTES, "body_timeout": 30},
            **options,
        )
    except OSError as error:
        raise ConfigError(
            f"the app can't listen on {settings.address}:{settings.port}: {error.strerror or error}. "
            "Give another one with --port (0: any free one)."
        ) from error
    hosts = [] if settings.is_shared else loopback_hosts(settings.origins)
    guard(server._tornado, hosts, settings.embedded_by)
    return server


def serve(settings: Settings) -> int:
    """Serve until Ctrl-C or SIGTERM; returns 0.

    Raises:
        ConfigError: as `make_server`.
    """
    tracking = settings.tracking
    import_mlflow()
    server = make_server(settings, tracking)
    host = "127.0.0.1" if settings.address in ("0.0.0.0", "::", "") else settings.address  # noqa: S104
    url = f"http://{host}:{server.port}/"
    _say(f"Lakesight is at {url} (Ctrl-C ends it; runs go on)")
    if settings.is_shared and not settings.behind_proxy:
        _say(
            f"Everybody who reaches {settings.address}:{server.port} may use it in your name: nobody "
            "signs in here. Put a proxy that does in front (--behind-proxy), or use a tunnel."
        )
    loop = IOLoop.current()

    def end(*_: Any) -> None:
        # Requests under way are let go: nothing is lost with them, all state is in the ledger.
        loop.add_callback_from_signal(loop.stop)

    # Threads read the ledger while the loop serves pages: at Python's 5 ms it would wait as long
    # at each of its many small steps.
    sys.setswitchinterval(0.0005)
    logging.getLogger("bokeh.server.views.ws").addFilter(
        lambda record: "connection was closed" not in record.getMessage()
    )
    logging.getLogger("tornado.access").addFilter(_without_query)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    loop.asyncio_loop.set_exception_handler(_unless_gone)  # type: ignore[attr-defined]
    server.start()
    # Only now: the first page is there before the ledger is.
    loop.call_later(0, tracking.start)
    keep_noting(loop)
    if settings.open_browser:
        webbrowser.open(url)
    loop.start()
    server.stop(wait=False)
    # Before its ledger ends.
    deeds.wait(_HAND_OVER_S)
    tracking.stop()
    _say("ended")
    # A read of a slow tracking server in a thread must not hold the process up.
    os._exit(0)


def _unless_gone(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what nobody awaited, unless it only says that a browser went away while we wrote to it."""
    if not isinstance(context.get("exception"), (WebSocketClosedError, StreamClosedError)):
        loop.default_exception_handler(context)


def _without_query(record: logging.LogRecord) -> bool:
    """Keep the query of a refused address out of the log: it may hold what is nobody else's business."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            re.sub(r"\?\S*", "?...", one) if isinstance(one, str) else one for one in record.args
        )
    return True


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
