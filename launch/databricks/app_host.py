"""Under which host the browser sees the app on Databricks Apps: a WebSocket from elsewhere is refused."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from launch.clock import SystemClock
from launch.errors import LaunchError

_log = logging.getLogger(__name__)


def origins(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the hosts that pages may come from, without scheme and port; () off the platform.

    The platform says which app this is, and the workspace knows the app's address. If it can't be
    asked every host is allowed: sessions are signed, so that a foreign page gets no further.
    """
    name = environ.get("DATABRICKS_APP_NAME")
    if not environ.get("DATABRICKS_APP_PORT") or environ.get("BOKEH_ALLOW_WS_ORIGIN"):
        return ()
    url = environ.get("DATABRICKS_APP_URL") or (_asked(name) if name else "")
    # With a port it would be refused: Bokeh takes it for one of plain HTTP.
    host = urlsplit(url if "//" in url else f"//{url}").hostname
    if not host:
        _log.warning("the app's own address is not known; pages of any host may connect")
        return ("*",)
    return (host,)


def _asked(name: str) -> str:
    from launch.databricks.client import EDGE, connect

    try:
        return str(connect(SystemClock()).apps.get(name).url or "")
    except (LaunchError, *EDGE) as error:
        _log.warning("the workspace does not say where the app %s is: %s", name, error)
        return ""
