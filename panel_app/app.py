"""The app of one session, made by the server for each browser tab."""

from __future__ import annotations

from typing import Any

import panel as pn
from panel_material_ui.template.base import Page as Shell

from panel_app.appearance import is_dark
from panel_app.identity import UserToken, user_of
from panel_app.router import asked
from panel_app.services import Services
from panel_app.session import Session
from panel_app.theme import Theme


def create_app(services: Services, theme: Theme, behind_proxy: bool) -> Any:
    """Return the page of a new session."""
    headers = {key: str(value) for key, value in (pn.state.headers or {}).items()}
    user = user_of(headers, behind_proxy)
    wanted = asked(dict(pn.state.session_args or {}))
    document: Any = pn.state.curdoc
    token = UserToken(document, behind_proxy)
    dark = is_dark(pn.state.cookies or {})
    session = Session(services, theme, user, wanted, token, dark)

    def destroyed(_: Any) -> None:
        session.close()
        release(session.page)
        # Of a visitor that only fetched the page (a probe) Panel would keep the callback and the view.
        pn.state._onload.pop(document, None)
        for ref in [ref for ref, view in pn.state._views.items() if view[2] is document]:
            del pn.state._views[ref]

    pn.state.on_session_destroyed(destroyed)
    pn.state.onload(session.start)
    return session.page


def release(page: Shell) -> None:
    """Let a closed session's page go: Page follows the process-wide `busy`, which would keep it."""
    watchers = page._param__private.ref_watchers
    for _, watcher in list(watchers):
        owner = watcher.cls if watcher.inst is None else watcher.inst
        owner.param.unwatch(watcher)
    watchers.clear()
