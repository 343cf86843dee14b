"""The real MLflow server behind the workspace: started at the first call, on a port of its own."""

from __future__ import annotations

from pathlib import Path

from launch.tracking_server import TrackingServer

# As on the platform; the artifacts of runs are reached through the Files API.
ARTIFACT_ROOT = "dbfs:/databricks/mlflow-tracking"


class MlflowServer(TrackingServer):
    """`mlflow server` on SQLite in `folder`; state survives a restart of the server."""

    def __init__(self, folder: Path) -> None:
        """Take the folder for mlflow.db and server.log; starts nothing."""
        super().__init__(folder, f"sqlite:///{folder / 'mlflow.db'}", ARTIFACT_ROOT)
