"""The Databricks launcher keeps the contract, over the wire, with real processes as nodes."""

import pytest

from launch.testing.contract import LauncherContract


@pytest.mark.slow
class TestDatabricksLauncher(LauncherContract):
    poll_s = 0.1

    @pytest.fixture
    def launchers(self, launchers):
        return launchers
