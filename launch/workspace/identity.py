"""Users, service principals and their tokens."""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict
from typing import Any

from launch.workspace.errors import ApiError
from launch.workspace.routes import Principal
from launch.workspace.store import Store

ADMIN = "admin@example.com"


class Identities:
    """Who may speak to the workspace. Only administrators pass every grant."""

    def __init__(self, store: Store) -> None:
        """Create the administrator at the first start."""
        self._store = store
        if store.get("principal", ADMIN) is None:
            self.add_user(ADMIN, admin=True)

    def add_user(self, email: str, admin: bool = False) -> str:
        """Create a user and return a personal access token for them."""
        self._add(Principal(email, self._id(), "user", email.split("@")[0], admin))
        return self.new_token(email)

    def add_service_principal(self, display_name: str, admin: bool = False) -> tuple[str, str]:
        """Create a service principal; return its client id (its name in grants) and secret."""
        number = self._id()
        client_id = f"00000000-0000-4000-8000-{number:012d}"
        self._add(Principal(client_id, number, "service_principal", display_name, admin))
        secret = f"dose{secrets.token_hex(16)}"
        self._store.put("secret", client_id, {"secret": secret})
        return client_id, secret

    def new_token(self, name: str, life_s: float | None = None) -> str:
        """Return a new token of this principal, valid for `life_s` seconds or for good."""
        token = f"dapi{secrets.token_hex(16)}"
        expires = time.time() + life_s if life_s is not None else None
        self._store.put("token", token, {"name": name, "expires": expires})
        return token

    def token_of(self, name: str) -> str:
        """Return a token of this principal that does not expire."""
        for token in self._store.items("token"):
            if token[1]["name"] == name and token[1]["expires"] is None:
                return token[0]
        return self.new_token(name)

    def revoke(self, token: str) -> None:
        """Make the token invalid from now on."""
        self._store.delete("token", token)

    def get(self, name: str) -> Principal | None:
        """Return the principal of this name."""
        doc = self._store.get("principal", name)
        return Principal(**doc) if doc else None

    def all(self, kind: str) -> list[Principal]:
        """Return the users or the service principals."""
        found = [Principal(**doc) for doc in self._store.all("principal")]
        return [principal for principal in found if principal.kind == kind]

    def remove(self, name: str) -> None:
        """Delete a principal with its tokens and secret."""
        self._store.delete("principal", name)
        self._store.delete("secret", name)
        for key, doc in self._store.items("token"):
            if doc["name"] == name:
                self._store.delete("token", key)

    def exchange(self, client_id: str, secret: str) -> dict[str, Any] | None:
        """Return an OAuth token for a client id and its secret, or None."""
        known = self._store.get("secret", client_id)
        if known is None or not secrets.compare_digest(known["secret"], secret):
            return None
        token = self.new_token(client_id, life_s=3600)
        return {"access_token": token, "token_type": "Bearer", "expires_in": 3600}

    def authenticate(self, header: str | None) -> Principal:
        """Return who sent this Authorization header.

        Raises:
            ApiError: 401 without credentials or with an expired token, 403 with a wrong one.
        """
        scheme, _, token = (header or "").partition(" ")
        if scheme != "Bearer" or not token:
            raise ApiError(
                401,
                "UNAUTHENTICATED",
                "Credential was not sent or was of an unsupported type for this API.",
            )
        doc = self._store.get("token", token)
        principal = self.get(doc["name"]) if doc else None
        if doc is None or principal is None:
            raise ApiError(403, "403", "Invalid access token.")
        if doc["expires"] is not None and doc["expires"] < time.time():
            raise ApiError(401, "UNAUTHENTICATED", "ExpiredJwt: the access token has expired.")
        return principal

    def _add(self, principal: Principal) -> None:
        self._store.put("principal", principal.name, asdict(principal))

    def _id(self) -> int:
        return self._store.next_id("principal", 7001)
