"""The local launcher keeps the contract, with real processes."""

import json

import pytest

from launch.local.launcher import LocalLauncher
from launch.testing.contract import LauncherContract

pytestmark = pytest.mark.usefixtures("warm")


class TestLocalLauncher(LauncherContract):
    poll_s = 0.05

    @pytest.fixture
    def launchers(self, state):
        state.mkdir()
        (state / "machine.json").write_text(json.dumps({"gpus": [], "cpu_slots": 2}))
        return lambda: LocalLauncher()
