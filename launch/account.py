"""Whose deed something is where nobody says: the account of this process."""

from __future__ import annotations

import getpass


def account() -> str:
    """Return its name; "" in a container whose user has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
