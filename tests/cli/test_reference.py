"""The reference pages say what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvcore.cli.reference import pages

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", ["config.md", "cli.md"])
def test_a_page_is_current(name: str) -> None:
    # Python versions break lines of help differently.
    written = (FOLDER / name).read_text(encoding="utf-8").split()
    assert written == pages()[name].split(), "run `make docs` and commit docs/reference"
