"""Threads of torch that wait let others have the core, unless somebody says otherwise."""

import os
import re
import subprocess
import sys

import pytest


def openmp(**more: str) -> str:
    """What OpenMP itself says that it does, in a process that imports us and torch."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")}
    done = subprocess.run(
        [sys.executable, "-c", "import cvcore, torch"],
        env={**environment, "OMP_DISPLAY_ENV": "true", **more},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = re.search(r"OMP_WAIT_POLICY\s*=\s*'(\w+)'", done.stderr)
    return found[1] if found else ""


@pytest.mark.parametrize(
    ("more", "policy"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")]
)
def test_threads_that_wait_do_not_spin(more: dict[str, str], policy: str) -> None:
    said = openmp(**more)
    if not said:
        pytest.skip("this torch's OpenMP does not say what it does")
    assert said == policy
