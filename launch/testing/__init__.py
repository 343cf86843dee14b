"""For whoever writes a launcher: the contract as tests, and doubles to test other things with.

contract.LauncherContract   subclass it with a fixture
fake.FakeLauncher           a launcher in memory, on a `FakePlatform`
clock.FakeClock             time that moves when it is told to
payload                     the runs of the contract, as cheap processes

Example:
    class TestMine(LauncherContract):
        @pytest.fixture
        def launchers(self, tmp_path):
            return lambda: MyLauncher(tmp_path)  # each call: as after a restart
"""
