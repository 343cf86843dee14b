"""A run's folder on a Volume is where this machine mounts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvcore.cli.main import main


@pytest.mark.parametrize("written", ["/Volumes/main/vision/run", "dbfs:/Volumes/main/vision/run"])
def test_a_runs_folder_may_be_on_a_volume(
    written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKESIGHT_MOUNTS", f"/Volumes={tmp_path / 'volumes'}")
    missing = ["task=detection", "data=coco", f"data.root={tmp_path / 'none'}"]
    assert main(["train", *missing, f"run.dir={written}"]) == 2
    assert (tmp_path / "volumes/main/vision/run/config.yaml").is_file()
    assert not Path("/Volumes/main/vision/run").exists()
