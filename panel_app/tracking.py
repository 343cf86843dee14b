"""Where the ledger is: the address that runs carry, and the one that this process asks.

Where nobody names a tracking server, the runs of this folder are in a SQLite file, as for the command
line. The app puts an MLflow server of its own in front of it: reads happen in another process, and a run
can be opened in MLflow's own pages. Runs still carry the file: they outlive the app.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import urlsplit

from cvcore.errors import ConfigError
from cvcore.metrics.mlflow_run import DEFAULT_URI
from cvcore.metrics.server import without_password
from launch.errors import LaunchError
from launch.ledger import absolute
from launch.local.queue import state_dir
from launch.tracking_server import TrackingServer

_FILE = "sqlite:///"
_SCHEMES = (
    "http",
    "https",
    "databricks",
    "databricks-uc",
    "file",
    "sqlite",
    "postgresql",
    "mysql",
    "mssql",
)


class Tracking:
    """The ledger's addresses. Thread-safe.

    Attributes:
        uri: what runs carry.
        server: the one that this app starts; None where a tracking server is named.
    """

    def __init__(self, given: str = "", *, shared: bool = False) -> None:
        """Find out where it is; starts nothing.

        Args:
            given: by the command line; "": MLFLOW_TRACKING_URI, else the SQLite file of this folder.
            shared: whether browsers of other machines come here.

        Raises:
            ConfigError: it is no address of a tracking server.
        """
        named = given or os.environ.get("MLFLOW_TRACKING_URI", "")
        self.uri = absolute(named or DEFAULT_URI)
        scheme = self.uri.partition(":")[0].partition("+")[0]
        if scheme not in _SCHEMES:
            raise ConfigError(
                f"--tracking-uri {without_password(named)!r} is no address of a tracking server. Give "
                f"http(s)://..., databricks, or a file: {DEFAULT_URI}."
            )
        self._shared = shared
        self.server = None if named else _server_of(Path(self.uri.removeprefix(_FILE)))

    def start(self) -> None:
        """Start what is to be started; returns at once."""
        if self.server is not None:
            self.server.watch()

    def stop(self) -> None:
        """End it."""
        if self.server is not None:
            self.server.stop()

    def via(self) -> str:
        """Return the address to ask; waits for the server to come up. Blocking.

        Raises:
            LaunchError: it does not come up.
        """
        if self.server is None:
            return self.uri
        try:
            return self.server.url()
        except OSError as error:
            raise LaunchError(
                f"the tracking server of this app does not start; its log is {self.server.log}. Nothing "
                "of the runs is lost: `lakesight runs` lists them."
            ) from error

    def pages(self) -> str:
        """Return where MLflow's own pages are, without a slash at its end; "" where there are none."""
        if self.server is not None:
            # Its address means something on this machine only.
            is_near = self.server.is_up and not self._shared
            return f"{self.server.url()}/#" if is_near else ""
        if self.uri.startswith("databricks"):
            host = os.environ.get("DATABRICKS_HOST", "").removeprefix("https://").rstrip("/")
            return f"https://{host}/ml" if host else ""
        parts = urlsplit(self.uri)
        if parts.scheme not in ("http", "https"):
            return ""
        host = parts.netloc.rpartition("@")[2]
        return f"{parts.scheme}://{host}{parts.path.rstrip('/')}/#"


def _server_of(database: Path) -> TrackingServer:
    """Return the server of a folder's runs; nothing is put into the folder but the runs."""
    of_folder = hashlib.sha256(str(database).encode()).hexdigest()[:16]
    # Where MLflow puts the artifacts of a run whose client opens the file itself.
    artifacts = database.parent / "mlruns"
    return TrackingServer(
        state_dir() / "tracking" / of_folder, f"{_FILE}{database}", str(artifacts)
    )
