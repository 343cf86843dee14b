"""The HTTP edge: authentication, faults, the check of fields, one handler, one answer."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
from collections.abc import Iterable
from typing import Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from launch.workspace import contract
from launch.workspace.apis import ALL
from launch.workspace.core import WORKSPACE_ID, Workspace
from launch.workspace.errors import ApiError
from launch.workspace.faults import ApiFault
from launch.workspace.routes import Answer, Call, Principal, Route

_log = logging.getLogger(__name__)
_OPEN = ("/oidc/", "/.well-known/", "/fake/")
_NOBODY = Principal("", 0, "nobody", "", admin=False)


class App:
    """A WSGI application that answers as a workspace does."""

    def __init__(self, ws: Workspace) -> None:
        """Collect the endpoints of all API files."""
        self.ws = ws
        # Set at the end, so that no request hangs on.
        self.stopping = threading.Event()
        rules = [
            Rule(route.path, methods=[route.method], endpoint=route)
            for api in ALL
            for route in api.routes
        ]
        # Paths of files come url-quoted and may hold double slashes.
        self._map = Map(rules, strict_slashes=False, merge_slashes=False)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        fault = None
        if not request.path.startswith("/fake/"):
            fault = self.ws.faults.take_api(request.method, request.path)
        try:
            response = self._respond(request, fault)
        except ApiError as error:
            response = _json(error.body(), error.status)
            if error.retry_after_s is not None:
                response.headers["Retry-After"] = str(error.retry_after_s)
        except HTTPException as error:
            status = 405 if isinstance(error, MethodNotAllowed) else 404
            message = f"No API found for '{request.method} {request.path}'"
            response = _json({"error_code": "ENDPOINT_NOT_FOUND", "message": message}, status)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 (the edge: a bug of the double must not look like a hang)
            _log.exception("%s %s", request.method, request.path)
            response = _json({"error_code": "INTERNAL_ERROR", "message": repr(error)}, 500)
        response.headers["X-Databricks-Org-Id"] = WORKSPACE_ID
        with contextlib.suppress(OSError):
            # Closing with a body unread would reset the connection under the client's feet.
            while request.stream.read(1 << 20):
                pass
        return response(environ, start_response)

    def _respond(self, request: Request, fault: ApiFault | None) -> Response:
        if fault:
            self._before(request, fault)
        route, path = self._map.bind("").match(request.path, method=request.method)
        path = {key: value for key, value in path.items() if not key.startswith("_")}
        who = _NOBODY
        if not request.path.startswith(_OPEN):
            who = self.ws.identities.authenticate(request.headers.get("Authorization"))
        args = _arguments(request, route, frozenset(path))
        call = Call(self.ws, who, request, path, args)
        answer = self._handle(route, call)
        if fault and fault.status == "duplicate":
            answer = self._handle(route, call)
        if fault and fault.status == "drop_after_commit":
            _drop(request)
        if fault and fault.status == "timeout_after_commit":
            self._hang(request)
        return answer if isinstance(answer, Response) else _json(answer or {}, 200)

    def _handle(self, route: Route, call: Call) -> Answer:
        if not route.locked:
            return route.handler(call)
        with self.ws.store.lock:
            return route.handler(call)

    def _before(self, request: Request, fault: ApiFault) -> None:
        if isinstance(fault.status, int):
            raise ApiError(fault.status, fault.code(), fault.message, fault.retry_after)
        if fault.status == "permission_denied":
            raise ApiError(403, "PERMISSION_DENIED", fault.message)
        if fault.status == "drop":
            _drop(request)
        if fault.status == "timeout":
            self._hang(request)

    def _hang(self, request: Request) -> None:
        self.stopping.wait(600)
        _drop(request)


def _drop(request: Request) -> None:
    with contextlib.suppress(OSError):
        request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("dropped by a fault")


def _arguments(request: Request, route: Route, given: frozenset[str]) -> dict[str, Any]:
    query: dict[str, Any] = {}
    for key, values in request.args.lists():
        query[key] = values[0] if len(values) == 1 else values
    body: dict[str, Any] = {}
    if request.mimetype == "application/json" and (raw := request.get_data()):
        try:
            body = json.loads(raw)
        except ValueError as error:
            raise ApiError(400, "MALFORMED_REQUEST", f"Invalid JSON: {error}") from error
        if not isinstance(body, dict):
            raise ApiError(400, "MALFORMED_REQUEST", "The body must be a JSON object.")
    if route.body is not None:
        return query | contract.check(route.body, body)
    if route.like is None:
        return query | body
    if query and not body:
        return contract.check(route.like, query, given, text=True)
    return contract.check(route.like, query | body, given)


def _json(body: dict[str, Any], status: int) -> Response:
    return Response(json.dumps(body), status, mimetype="application/json")
