"""The models behind serving endpoints, when a test asks for them: real MLflow scoring servers."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch.serving.local.balance import Balance
from launch.serving.scoring import ScoringServer, last_words

if TYPE_CHECKING:
    from launch.workspace.core import Workspace

Doc = dict[str, Any]
_ANSWER_S = 300


class Hosting:
    """Scoring servers by endpoint and served entity. Off until `on` is set."""

    def __init__(self, folder: Path) -> None:
        """Take a folder for logs; starts nothing."""
        self.on = False
        self._folder = folder
        self._servers: dict[tuple[str, str], ScoringServer] = {}
        self._balances: dict[str, Balance] = {}
        self._lock = threading.Lock()

    def state(self, ws: Workspace, endpoint: str, entity: Doc) -> tuple[str, str]:
        """Return DEPLOYMENT_CREATING, _READY or _FAILED and a message; starts what is not started."""
        key = (endpoint, entity["name"])
        with self._lock:
            server = self._servers.get(key)
            if server is None:
                model = model_of(ws, entity)
                if model is None:
                    return "DEPLOYMENT_FAILED", "Failed to fetch the model: it has no files."
                server = self._servers[key] = self._start(key, model, entity)
        if server.exit_code() is not None:
            return "DEPLOYMENT_FAILED", f"Failed to load the model: {last_words(server.log)}"
        ready = server.is_healthy()
        return ("DEPLOYMENT_READY", "") if ready else ("DEPLOYMENT_CREATING", "Loading the model.")

    def answer(self, doc: Doc, body: bytes) -> tuple[int, bytes, str]:
        """Return status, body and served entity for a request, by the endpoint's traffic."""
        name = doc["name"]
        routes = doc["config"]["traffic_config"]["routes"]
        shares = {route["served_model_name"]: route["traffic_percentage"] for route in routes}
        with self._lock:
            balance = self._balances.setdefault(name, Balance())
            if balance.shares != {key: share for key, share in shares.items() if share}:
                balance.set(shares)
            chosen = balance.next() or ""
            server = self._servers[name, chosen]
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(  # noqa: S310 (our own address)
            f"{server.url}/invocations", body, headers
        )
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_S) as got:  # noqa: S310
                return 200, got.read(), chosen
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(), chosen

    def log(self, endpoint: str, entity: str) -> str:
        """Return what a server wrote."""
        server = self._servers.get((endpoint, entity))
        if server is None or not server.log.exists():
            return ""
        return server.log.read_text(encoding="utf-8", errors="replace")

    def keep(self, endpoint: str, entities: list[str]) -> None:
        """End the servers of an endpoint that are not among these."""
        with self._lock:
            gone = [k for k in self._servers if k[0] == endpoint and k[1] not in entities]
            servers = [self._servers.pop(key) for key in gone]
        for server in servers:
            server.stop(1)

    def stop(self) -> None:
        """End all servers."""
        for endpoint in {key[0] for key in self._servers}:
            self.keep(endpoint, [])

    def _start(self, key: tuple[str, str], model: Path, entity: Doc) -> ScoringServer:
        self._folder.mkdir(exist_ok=True)
        log = self._folder / f"{key[0]}-{key[1]}.log"
        environment = entity.get("environment_vars") or {}
        server = ScoringServer(model, log, environment, self._folder)
        server.start()
        return server


def model_of(ws: Workspace, entity: Doc) -> Path | None:
    """Return the folder of a registered version's MLflow model; None: its files are not here."""
    name, version = entity["entity_name"].lower(), entity["entity_version"]
    doc = ws.store.get("version", f"{name}/{version}") or {}
    source = ws.local(str(doc.get("source") or ""))
    for folder in (ws.root.joinpath("Models", *name.split("."), str(version)), source):
        if folder is not None and (folder / "MLmodel").is_file():
            return folder
    return None
