"""A fake Databricks workspace: a loopback HTTP server for the real SDK; see docs/fake-workspace.md."""

from launch.workspace.core import Timing
from launch.workspace.server import FakeWorkspace

__all__ = ["FakeWorkspace", "Timing"]
