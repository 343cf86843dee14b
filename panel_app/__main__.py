"""`python -m panel_app`: the same as `lakesight app`; how Databricks Apps starts it."""

from __future__ import annotations

import argparse
import sys

from cvcore.cli.exit import exit_code
from panel_app.cli import app


def main() -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m panel_app", description=app.HELP)
    app.add_arguments(parser)
    return exit_code(lambda: app.run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
