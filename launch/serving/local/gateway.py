"""What answers on an endpoint's port: limits, traffic shares, errors in a sentence, a log of requests.

The scoring servers behind are MLflow's own; what they say of a fault is made fit for a caller here.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from launch.monitor.recorder import Recorder
from launch.serving.local.balance import Balance
from launch.serving.local.requests_log import Request as Line
from launch.serving.local.requests_log import RequestsLog

MAX_REQUEST_BYTES = 16 * 2**20
"""As Model Serving's, so that what works here works there."""

MAX_WAITING = 64
"""Requests in the house at once; more get 429."""

_DRAINED = 4
SERVED_HEADER = "served-model-name"  # as Model Serving names it
_ANSWER_S = 300.0
_UNEXPECTED = "Encountered an unexpected error"
_BEFORE_SENTENCE = re.compile(r".*\bError: ", re.DOTALL)
_KNOWN_FORMS = (
    '{"dataframe_split": {"columns": ["image"], "data": [["<base64>"]]}} or '
    '{"dataframe_records": [{"image": "<base64>"}]}'
)


class Gateway:
    """The web application of one endpoint."""

    def __init__(self, name: str, log: RequestsLog, address: Callable[[str], str | None]) -> None:
        """Take what it works with.

        Args:
            name: of the endpoint.
            log: takes a line per request.
            address: returns where a version answers, None if it does not.
        """
        self.balance = Balance()
        self.in_flight: dict[str, int] = {}
        self._name = name
        self._log = log
        self.recorder: Recorder | None = None
        self._address = address
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(_ANSWER_S, connect=5.0),
            limits=httpx.Limits(max_connections=MAX_WAITING),
            trust_env=False,
        )
        invoke = Route("/invocations", self._invoke, methods=["POST"])
        as_there = f"/serving-endpoints/{name}/invocations"
        self.app = Starlette(
            routes=[
                invoke,
                Route(as_there, self._invoke, methods=["POST"]),
                Route("/health", self._health),
                Route("/ping", self._health),
            ],
            # A page from elsewhere that resolves its own name to this machine is not answered.
            middleware=[
                Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
            ],
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _health(self, _request: Request) -> Response:
        ready = bool(self.balance.shares)
        return JSONResponse({"ready": ready}, status_code=200 if ready else 503)

    async def _invoke(self, request: Request) -> Response:
        started, at = time.perf_counter(), time.time()
        body, served = b"", ""
        answer = self._unfit(request)
        if answer is None:
            body = await _body(request)
            served = self.balance.next() or ""
            answer = await self._answer(served, body)
        seconds = time.perf_counter() - started
        status = answer.status_code
        self._log.add(Line(at, served, status, seconds, len(body), len(answer.body)))
        if self.recorder is not None and status < 400:
            self.recorder.see(served, seconds, body, bytes(answer.body))
        return answer

    def _unfit(self, request: Request) -> Response | None:
        """Return why a request is not taken, before it is read."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return refusal(415, f"the request is {kind or 'of no type'}. Send application/json.")
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > _DRAINED * MAX_REQUEST_BYTES:
            return _too_large(int(length))
        if sum(self.in_flight.values()) >= MAX_WAITING:
            return refusal(429, f"{MAX_WAITING} requests are being answered. Try again later.")
        return None

    async def _answer(self, served: str, body: bytes) -> Response:
        if len(body) > MAX_REQUEST_BYTES:
            return _too_large(len(body))
        if not served:
            return refusal(503, f"endpoint {self._name} is being built. Try again later.")
        return await self._forward(served, body)

    async def _forward(self, served: str, body: bytes) -> Response:
        address = self._address(served)
        if address is None:
            return refusal(503, f"version {served} is being started again. Try again later.")
        self.in_flight[served] = self.in_flight.get(served, 0) + 1
        began = time.perf_counter()
        try:
            got = await self._client.post(
                f"{address}/invocations", content=body, headers={"content-type": "application/json"}
            )
        except httpx.TimeoutException:
            return refusal(504, f"version {served} took longer than {_ANSWER_S:.0f} s.")
        except httpx.HTTPError:
            return refusal(
                502, f"version {served} broke off; it is started again. Try again later."
            )
        finally:
            self.in_flight[served] -= 1
        took_ms = 1000 * (time.perf_counter() - began)
        # W3C Server Timing: what is left of the caller's time was the network and this process.
        headers = {SERVED_HEADER: served, "server-timing": f"model;dur={took_ms:.1f}"}
        if got.status_code < 400:
            return Response(got.content, media_type="application/json", headers=headers)
        status, sentence = in_a_sentence(got.status_code, got.text, served)
        answer = refusal(status, sentence)
        answer.headers.update(headers)
        return answer


def in_a_sentence(status: int, text: str, served: str) -> tuple[int, str]:
    """Return the status and sentence for what MLflow's scoring server said of a fault.

    It prints the data it was given and the stack of the model, and gives 400 for faults of the
    model too.
    """
    try:
        said = str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        said = text
    if status == 400 and said.startswith(_UNEXPECTED):
        return 500, (
            f"version {served} failed on this request; its log says why. Other requests are not "
            "concerned."
        )
    sentence = (
        _BEFORE_SENTENCE.sub("", said, count=1).strip() if "Error: " in said else said.strip()
    )
    if "missing inputs" in said:
        sentence = f"the request has no column 'image'. Send {_KNOWN_FORMS}."
    elif status == 400 and "dataframe_split" in sentence:
        sentence = f"the request is of no known form. Send {_KNOWN_FORMS}."
    return status, sentence[:2000]


def refusal(status: int, sentence: str) -> JSONResponse:
    """Return an error as Model Serving gives one: a code and a message."""
    code = {400: "BAD_REQUEST", 413: "REQUEST_TOO_LARGE", 415: "BAD_REQUEST"}.get(status)
    code = code or {429: "REQUEST_LIMIT_EXCEEDED"}.get(status, "TEMPORARILY_UNAVAILABLE")
    code = "INTERNAL_ERROR" if status == 500 else code
    return JSONResponse({"error_code": code, "message": sentence}, status_code=status)


def _too_large(size: int) -> JSONResponse:
    return refusal(
        413,
        f"the request has {size:,} bytes; at most {MAX_REQUEST_BYTES:,} are taken, which is some "
        "12 MB of images before base64. Send fewer or smaller images.",
    )


async def _body(request: Request) -> bytes:
    """Return the body, cut soon after the limit.

    More is read and forgotten, up to a few times the limit: a caller who still sends sees no answer.
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size <= MAX_REQUEST_BYTES + len(part):
            parts.append(part)
        if size > _DRAINED * MAX_REQUEST_BYTES:
            break
    return b"".join(parts)
