"""Divides requests among versions: exactly by their shares, and evenly in time."""

from __future__ import annotations

from collections.abc import Mapping


class Balance:
    """Smooth weighted round robin: of any 100 requests each version gets its percentage.

    Source: nginx, ngx_http_upstream_round_robin.c (the algorithm; not its code).
    """

    def __init__(self) -> None:
        """Start without versions."""
        self.shares: dict[str, int] = {}
        self._credit: dict[str, int] = {}

    def set(self, shares: Mapping[str, int]) -> None:
        """Take new shares, percent."""
        self.shares = {name: share for name, share in shares.items() if share > 0}
        self._credit = {name: self._credit.get(name, 0) for name in self.shares}

    def next(self) -> str | None:
        """Return the version for the next request, None if there is none."""
        if not self.shares:
            return None
        for name, share in self.shares.items():
            self._credit[name] += share
        chosen = max(self._credit, key=lambda name: self._credit[name])
        self._credit[chosen] -= sum(self.shares.values())
        return chosen
