"""What a session gives its pages: the shared services, who sits there, and how to move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from panel_app.identity import no_token
from panel_app.services import Services


class Host(Protocol):
    """Where a page is shown: a browser tab, or a notebook's cell."""

    def open_address(self, values: Mapping[str, str]) -> None:
        """Show the page that an address's values mean."""
        ...

    def keep_address(self, values: Mapping[str, str]) -> None:
        """Have the address say what is shown now, so that a refresh shows it again."""
        ...

    def tell(self, text: str, severity: str) -> None:
        """Show a short note; the text is not markup."""
        ...


@dataclass(frozen=True)
class Context:
    """One per session.

    Attributes:
        services: of the process; nothing of a session may be kept in it.
        user: who sits there, for the ledger.
        host: where the pages are shown.
        token: returns their own access token, for files; "": there is none. Never keep what it returns.
    """

    services: Services
    user: str
    host: Host
    token: Callable[[], str] = no_token

    def go(self, page: str, **values: str) -> None:
        """Open a page, as a link to it does."""
        self.host.open_address({"page": page, **_given(values)})

    def keep(self, page: str, **values: str) -> None:
        """Have the address say what the page shows now, so that a refresh shows it again."""
        self.host.keep_address({"page": page, **_given(values)})

    def tell(self, text: str, severity: str = "info") -> None:
        """Show a short note: "info", "success", "warning" or "error". The text is escaped."""
        self.host.tell(text, severity)


def _given(values: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in values.items() if value}
