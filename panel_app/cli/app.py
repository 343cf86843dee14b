"""`lakesight app`: all runs in the browser."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

HELP = "look at your runs in the browser"

EXAMPLES = """examples:
  lakesight app                      on 127.0.0.1:5006
  lakesight app --port 8080 --open
  lakesight app --theme mine.yaml    your colours, font and logo; start from panel_app/theme.yaml
Ctrl-C ends it; runs go on.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.epilog = EXAMPLES
    # Where a platform gives a port, it also stands in front and says who the user is.
    given = os.environ.get("DATABRICKS_APP_PORT")
    parser.add_argument(
        "--port", type=int, default=int(given or 5006), help="0: any free one (default: 5006)"
    )
    parser.add_argument(
        "--address",
        default="0.0.0.0" if given else "127.0.0.1",  # noqa: S104 (only behind the platform's proxy)
        help="where it listens (default: 127.0.0.1, this machine only)",
    )
    parser.add_argument("--open", action="store_true", help="open the browser")
    parser.add_argument(
        "--behind-proxy",
        action="store_true",
        default=bool(given),
        help="a proxy that signs users in is the only way here: believe its X-Forwarded headers",
    )
    parser.add_argument(
        "--origin",
        action="append",
        default=[],
        metavar="HOST",
        help="host (or host:port) that the browser sees, where a proxy changes it; may be repeated",
    )
    parser.add_argument(
        "--embedded-by",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="a site (https://host) whose pages may show the app in a frame (default: none); may be "
        "repeated",
    )
    parser.add_argument(
        "--root",
        action="append",
        default=[],
        metavar="FOLDER",
        help="a folder that pages may look into, besides this one, your home folder and Volumes "
        "(behind a proxy or on a network: besides Volumes); may be repeated",
    )
    parser.add_argument("--theme", type=Path, metavar="FILE", help="YAML of colours, font and logo")
    parser.add_argument(
        "--tracking-uri",
        default="",
        metavar="URI",
        help="MLflow server; default: MLFLOW_TRACKING_URI, else the runs of this folder",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM; returns 0.

    Raises:
        ConfigError: the port is taken, or the ledger or the theme can't be used.
    """
    from cvcore.errors import ConfigError
    from launch.databricks.app_host import origins

    if not 0 <= args.port <= 65535:
        raise ConfigError(f"--port {args.port}: give 0 (any free one) to 65535.")
    try:
        from panel_app.server import Settings, serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("panel", "panel_material_ui", "bokeh"):
            raise
        raise ConfigError(
            f"the app needs {error.name}. Install it: pip install 'lakesight[app]'."
        ) from None
    return serve(
        Settings(
            args.port,
            args.address,
            args.open,
            args.behind_proxy,
            tuple(args.origin) or origins(),
            args.theme,
            args.tracking_uri,
            tuple(args.root),
            tuple(args.embedded_by),
        )
    )
