"""The workspace itself, without HTTP: what it stores, who is in it, what it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launch.workspace.faults import Faults
from launch.workspace.hosting import Hosting
from launch.workspace.identity import ADMIN, Identities
from launch.workspace.jobs.runner import Runner
from launch.workspace.mlflow_server import MlflowServer
from launch.workspace.serving_handlers import Handlers
from launch.workspace.store import Store
from launch.workspace.tables import Tables

WORKSPACE_ID = "1234567890"


@dataclass(frozen=True)
class Timing:
    """How long things take, seconds; a test double hurries.

    Attributes:
        pending_s: from submit to RUNNING: what a cluster start takes.
        grace_s: between SIGTERM and SIGKILL of a cancelled task.
        poll_s: how often the runner looks at processes.
        log_delivery_s: how often driver logs are copied to the cluster's log destination.
    """

    pending_s: float = 0.02
    grace_s: float = 2.0
    poll_s: float = 0.02
    log_delivery_s: float = 1.0


class Workspace:
    """All state lies under `root`: workspace.db, Volumes, Workspace, dbfs, nodes, mlflow."""

    def __init__(self, root: Path, timing: Timing | None = None) -> None:
        """Open the folder, or create it with the catalog `main` and its schema `default`."""
        self.root = root.absolute()
        for name in ("Volumes", "Workspace/Shared", "Workspace/Users", "dbfs", "nodes", "mlflow"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self.timing = timing or Timing()
        self.host = ""  # set by the server once it listens
        self.store = Store(self.root / "workspace.db")
        self.tables = Tables(self.root / "tables.db")
        self.is_warehouse_up = False
        self.identities = Identities(self.store)
        self.faults = Faults()
        self.handlers = Handlers()
        self.hosting = Hosting(self.root / "served")
        self.mlflow = MlflowServer(self.root / "mlflow")
        self._seed()
        self.runner = Runner(self)

    def mounts(self) -> dict[str, Path]:
        """Return where this machine keeps what a node mounts."""
        return {f"/{name}": self.root / name for name in ("Volumes", "Workspace", "dbfs")}

    def local(self, path: str) -> Path | None:
        """Return the file behind /Volumes/..., /Workspace/..., dbfs:/...; None for others."""
        if path.startswith("dbfs:/Volumes/"):
            path = path.removeprefix("dbfs:")
        elif path.startswith("dbfs:/"):
            path = "/dbfs/" + path.removeprefix("dbfs:/")
        elif path.startswith(("/Users/", "/Shared/", "/Repos/")):
            path = "/Workspace" + path
        top = path.split("/")[1] if path.startswith("/") else ""
        if top not in ("Volumes", "Workspace", "dbfs") or ".." in path.split("/"):
            return None
        return self.root / path.lstrip("/")

    def close(self, keep_tasks: bool = False) -> None:
        """Stop what runs; `keep_tasks` leaves task processes for the next start to adopt."""
        self.runner.stop(keep_tasks)
        self.hosting.stop()
        self.mlflow.stop()
        self.tables.close()
        self.store.close()

    def _seed(self) -> None:
        if self.store.get("seeded", "1"):
            return
        (self.root / "Workspace" / "Users" / ADMIN).mkdir(parents=True, exist_ok=True)
        common: dict[str, Any] = {"owner": ADMIN, "created_at": 0, "created_by": ADMIN}
        catalog = {"name": "main", "full_name": "main", "catalog_type": "MANAGED_CATALOG"}
        schema = {"name": "default", "full_name": "main.default", "catalog_name": "main"}
        self.store.put("catalog", "main", catalog | common)
        self.store.put("schema", "main.default", schema | common)
        self.store.put("seeded", "1", {})
