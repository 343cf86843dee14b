"""`FakeWorkspace`: a Databricks workspace on a loopback port, for tests and for trying things."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from launch.workspace.app import App
from launch.workspace.core import Timing, Workspace
from launch.workspace.faults import Faults
from launch.workspace.identity import ADMIN
from launch.workspace.serving_handlers import Answering
from launch.workspace.sql_api import WAREHOUSE


class FakeWorkspace:
    """A context manager; the real SDK and MLflow clients talk to `host`.

    All state lies under `root`: start it there again and jobs, runs, files and grants are back.

    Example:
        with FakeWorkspace(tmp_path) as ws:
            ws.client().jobs.submit(run_name="r", tasks=[...])
    """

    def __init__(self, root: Path, port: int = 0, timing: Timing | None = None) -> None:
        """Open the folder; nothing listens yet.

        Args:
            root: a folder of its own; made if missing.
            port: 0 takes a free one.
            timing: how long clusters take and so on; by default hardly anything.
        """
        self.core = Workspace(Path(root), timing)
        self._app = App(self.core)
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", port, self._app, threaded=True, request_handler=_Handler
        )
        self.core.host = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.daemon = True

    @property
    def host(self) -> str:
        """The address, for DATABRICKS_HOST."""
        return self.core.host

    @property
    def root(self) -> Path:
        """The folder of all state; Volumes lie in `root / "Volumes"`."""
        return self.core.root

    @property
    def faults(self) -> Faults:
        """What shall go wrong."""
        return self.core.faults

    @property
    def token(self) -> str:
        """A personal access token of the administrator."""
        return self.core.identities.token_of(ADMIN)

    def add_user(self, email: str, admin: bool = False) -> str:
        """Create a user; returns a personal access token."""
        return self.core.identities.add_user(email, admin)

    def add_service_principal(self, display_name: str, admin: bool = False) -> tuple[str, str]:
        """Create a service principal; returns client id and client secret."""
        return self.core.identities.add_service_principal(display_name, admin)

    def client(self, token: str | None = None, **config: Any) -> WorkspaceClient:
        """Return a real client: the administrator's, or of `token`; `config` goes to Config.

        With client_id and client_secret it authenticates by OAuth.
        """
        if "client_id" not in config:
            config = {"token": token or self.token, "auth_type": "pat"} | config
        defaults: dict[str, Any] = {"http_timeout_seconds": 15, "retry_timeout_seconds": 30}
        return WorkspaceClient(config=Config(host=self.host, **(defaults | config)))

    def environment(self, token: str | None = None) -> dict[str, str]:
        """Return the variables with which other processes find this workspace."""
        return {
            "DATABRICKS_HOST": self.host,
            "DATABRICKS_TOKEN": token or self.token,
            "DATABRICKS_WAREHOUSE_ID": WAREHOUSE,
        }

    def serve(self, endpoint: str, answer: Answering) -> None:
        """Let a function answer the queries of a serving endpoint (a glob on its name)."""
        self.core.handlers.plug(endpoint, answer)

    def host_models(self) -> None:
        """Let endpoints serve the registered models themselves, each by a scoring server process."""
        self.core.hosting.on = True

    def evict(self, run_id: int) -> list[str]:
        """Take the machines of a run's running tasks away; returns their task keys."""
        return self.core.runner.evict(run_id)

    def start(self) -> None:
        """Listen, and go on with the runs that had not ended."""
        self.core.runner.begin()
        self._thread.start()

    def stop(self, keep_tasks: bool = False) -> None:
        """Stop listening and end every process started; `keep_tasks` lets tasks go on."""
        self._app.stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self.core.close(keep_tasks)

    def __enter__(self) -> FakeWorkspace:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, and end every process."""
        self.stop()


class _Handler(WSGIRequestHandler):
    """Writes no line per request."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""
