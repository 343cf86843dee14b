"""What a session gives its pages: the shared services, who sits there, and how to move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import panel as pn

from panel_app.router import Router, query
from panel_app.safe import safe
from panel_app.services import Services


@dataclass(frozen=True)
class Context:
    """One per session.

    Attributes:
        services: of the process; nothing of a session may be kept in it.
        user: who sits there, for the ledger.
        router: the browser's address.
        open_page: shows the page that an address's values mean.
    """

    services: Services
    user: str
    router: Router
    open_page: Callable[[dict[str, str]], None]

    def go(self, page: str, **values: str) -> None:
        """Open a page, as a link to it does."""
        self.router.pushed = query(page=page, **values)
        self.open_page({"page": page, **{key: value for key, value in values.items() if value}})

    def keep(self, page: str, **values: str) -> None:
        """Have the address say what the page shows now, so that a refresh shows it again."""
        self.router.quiet = query(page=page, **values)

    def tell(self, text: str, severity: str = "info") -> None:
        """Show a short note: "info", "success", "warning" or "error". The text is escaped."""
        notes = pn.state.notifications
        if notes is not None:
            notes.send(safe(text), duration=6_000, type=severity)
