"""A closed session leaves nothing behind."""

import asyncio
import gc
import logging
import threading
import time
import weakref

import pytest

from panel_app import app
from panel_app.pages.history import HistoryPage
from panel_app.server import Settings, make_server

DIGITS = "data%3Ddigits+data.num_train%3D12+data.num_val%3D10+data.num_test%3D10"


class Running:
    """A server of this process in a thread, so that a test can look at its objects."""

    def __init__(self, uri: str, lifetime_ms: int) -> None:
        self.started = threading.Event()
        self.url, self.server, self.loop = "", None, None
        settings = Settings(port=0, tracking_uri=uri, session_lifetime_ms=lifetime_ms)
        self.thread = threading.Thread(target=lambda: asyncio.run(self._run(settings)))
        self.thread.start()
        assert self.started.wait(60)

    async def _run(self, settings: Settings) -> None:
        self.loop, self.ended = asyncio.get_running_loop(), asyncio.Event()
        self.server = make_server(settings)
        self.server.start()
        self.url = f"http://127.0.0.1:{self.server.port}/"
        self.started.set()
        await self.ended.wait()
        self.server.stop(wait=False)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.ended.set)
        self.thread.join(30)


@pytest.mark.ui
@pytest.mark.slow
def test_closed_sessions_are_freed(page, ledger, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    # A word to a tab that has just gone is logged with its frames, and pytest keeps the log.
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)
    monkeypatch.setenv("LAKESIGHT_STATE_DIR", str(tmp_path))

    class Seen(app.Session):
        def __init__(self, *arguments) -> None:
            super().__init__(*arguments)
            kept.extend([weakref.ref(self), weakref.ref(self.page), weakref.ref(self.main)])

        async def open(self, values) -> None:
            await super().open(values)
            kept.append(weakref.ref(self.current))

    monkeypatch.setattr(app, "Session", Seen)
    # Longer than a busy machine takes from the page to its websocket: else a session would be made twice.
    running = Running(ledger[0], lifetime_ms=5_000)
    try:
        for query, words in (
            ("?page=history", "3 runs"),
            (f"?page=run&run={ledger[1]['first']}&show=output&smooth=0.5", "first"),
            (f"?page=run&run={ledger[1]['third']}", "mean loss since the last log"),
            (f"?page=compare&runs={','.join(ledger[1].values())}", "mean loss since the last log"),
            ("?page=train", "1 running"),
            ("?page=evaluate", "This model has no finished evaluation yet"),
            ("?page=playground", "There is no model to ask yet"),
            ("?page=batch", "There is none yet"),
            ("?page=monitor", "There is no endpoint yet"),
            ("?page=configure", "batch 8 per device"),
            (f"?page=data&set={DIGITS}", "32 images"),
            ("?page=nope", "There is no such page"),
        ):
            page.goto(running.url + query)
            page.get_by_text(words).first.wait_for()
        page.goto("about:blank")
        end = time.monotonic() + 30
        while running.server.get_sessions() and time.monotonic() < end:
            time.sleep(0.2)
        assert not running.server.get_sessions()
        # A read in a thread may still be on its way to a page that is gone.
        end = time.monotonic() + 15
        while any(ref() is not None for ref in kept) and time.monotonic() < end:
            time.sleep(0.3)
            gc.collect()
    finally:
        running.stop()
    gc.collect()
    assert len(kept) >= 28
    assert [ref() for ref in kept] == [None] * len(kept)


@pytest.mark.ui
@pytest.mark.slow
def test_a_closed_tab_reads_no_more(page, ledger, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("LAKESIGHT_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(HistoryPage, "period_ms", 100)
    reads = []
    refresh = HistoryPage.refresh

    async def counted(self: HistoryPage) -> None:
        reads.append(time.monotonic())
        await refresh(self)

    monkeypatch.setattr(HistoryPage, "refresh", counted)
    running = Running(ledger[0], lifetime_ms=60_000)
    try:
        page.goto(f"{running.url}?page=history")
        page.get_by_text("3 runs").first.wait_for()
        end = time.monotonic() + 30
        while len(reads) < 5 and time.monotonic() < end:
            time.sleep(0.1)
        assert len(reads) >= 5
        page.goto("about:blank")
        (session,) = running.server.get_sessions()
        while session.connection_count and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(0.3)
        before = len(reads)
        time.sleep(1)
        assert running.server.get_sessions() == [session]
        assert len(reads) == before
    finally:
        running.stop()


@pytest.mark.ui
@pytest.mark.slow
def test_what_one_tab_does_is_no_work_for_another(page, server) -> None:
    frames = []
    page.on(
        "websocket", lambda socket: socket.on("framereceived", lambda _: frames.append(socket.url))
    )
    page.goto(f"{server.url}?page=nope")
    page.get_by_text("There is no such page").first.wait_for()
    page.wait_for_timeout(3_000)
    other = page.context.browser.new_page()
    other.goto(f"{server.url}?page=history")
    other.get_by_text("3 runs").first.wait_for()
    before = len(frames)
    for name in ("Train", "History", "Train", "History"):
        other.get_by_role("link", name=name).first.click()
        other.get_by_role("heading", name=name).first.wait_for()
    other.close()
    assert before > 0
    assert len(frames) == before
