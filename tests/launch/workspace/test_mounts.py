"""Where a path of a node lies on a machine that cannot mount it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvcore.data.places import MOUNTS_VARIABLE, localise


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("/Volumes/main/default/cv/x", "/tmp/v/main/default/cv/x"),
        ("dbfs:/Volumes/main/default/cv", "/tmp/v/main/default/cv"),
        ("dbfs:/x", "/tmp/d/x"),
        ("/Volumesque/x", "/Volumesque/x"),
        ("/home/x", "/home/x"),
        ("relative/x", "relative/x"),
    ],
)
def test_mounts(written: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MOUNTS_VARIABLE, "/Volumes=/tmp/v:/dbfs=/tmp/d")
    assert localise(written) == Path(found)


def test_without_the_variable_paths_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MOUNTS_VARIABLE, raising=False)
    assert localise("/Volumes/main/x") == Path("/Volumes/main/x")
