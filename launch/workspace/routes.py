"""How an API file names its endpoints, and what its handlers are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from launch.workspace.contract import Like

if TYPE_CHECKING:
    from launch.workspace.core import Workspace

Answer = dict[str, Any] | Response | None


@dataclass(frozen=True)
class Principal:
    """Who asks: a user (name is the e-mail) or a service principal (name is the client id)."""

    name: str
    id: int
    kind: str
    display_name: str
    admin: bool


@dataclass
class Call:
    """One request, already authenticated and checked."""

    ws: Workspace
    who: Principal
    request: Request
    path: dict[str, str]
    args: dict[str, Any]


Handler = Callable[[Call], Answer]


@dataclass(frozen=True)
class Route:
    """One endpoint. `like` is the SDK method (or body dataclass) whose fields are allowed."""

    method: str
    path: str
    handler: Handler
    like: Like | None
    body: Like | None
    locked: bool


@dataclass
class Routes:
    """The endpoints of one API file."""

    routes: list[Route] = field(default_factory=list)

    def add(
        self,
        method: str,
        path: str,
        like: Like | None = None,
        body: Like | None = None,
        locked: bool = True,
    ) -> Callable[[Handler], Handler]:
        """Register the decorated handler.

        Args:
            method: GET, POST ...
            path: werkzeug rule; `{v}` stands for any API version.
            like: an SDK method; what is not in the path must be one of its parameters.
            body: a dataclass that is the whole body, where the SDK sends one.
            locked: hold the workspace's lock; not for what waits or moves bytes.
        """

        def register(handler: Handler) -> Handler:
            rule = path.replace("{v}", '<any("2.0","2.1","2.2"):_v>')
            self.routes.append(Route(method, rule, handler, like, body, locked))
            return handler

        return register


def page(
    items: list[Any], args: dict[str, Any], size_key: str, default: int, most: int
) -> tuple[list[Any], dict[str, str]]:
    """Return one page of `items` and the fields that lead to the next and previous one."""
    size = min(args.get(size_key) or default, most)
    token = args.get("page_token")
    start = int(token) if token and token.isdigit() else args.get("offset", 0)
    links = {}
    if start + size < len(items):
        links["next_page_token"] = str(start + size)
    if start > 0:
        links["prev_page_token"] = str(max(0, start - size))
    return items[start : start + size], links
