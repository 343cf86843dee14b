"""The command that does the same as a page, as a person would type it where the app was started."""

from __future__ import annotations

import os
import shlex

from cvcore.metrics.mlflow_run import DEFAULT_URI
from cvcore.metrics.server import without_password
from launch.ledger import absolute
from panel_app.services import Services


def command(services: Services, *words: str, tracking: bool = True) -> str:
    """Return a `lakesight` command line.

    Args:
        services: of the process.
        words: verb and arguments; empty ones are left out.
        tracking: whether the verb looks at the ledger: then it is named where a shell would take another.
    """
    said = [word for word in words if word]
    uri = services.ledger.uri
    if tracking and uri != absolute(os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI):
        said += ["--tracking-uri", without_password(uri)]
    return f"lakesight {shlex.join(said)}"
