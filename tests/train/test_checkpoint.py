"""Checkpoints are whole or passed over; copies are whole; pruning keeps the best and the newest."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from cvcore.train.checkpoint import MARKER, CheckpointStore, copy_whole, fault_of


def write(store: CheckpointStore, step: int, best: int | None = None) -> Path:
    store.begin()
    folder = store.writing / f"checkpoint-{step}"
    (folder / "deep").mkdir(parents=True)
    (folder / "weights.bin").write_bytes(bytes(range(256)) * 8)
    (folder / "deep" / "state.json").write_text(f'{{"step": {step}}}')
    path = store.commit(step, best)
    store.wait()
    return path


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.glob("checkpoint-*")}


@pytest.mark.parametrize("harm", ["marker", "missing", "short", "damaged"])
def test_torn_checkpoint_is_passed_over_with_a_warning(
    harm: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = CheckpointStore(tmp_path / "c", None, keep=3)
    whole, torn = write(store, 1), write(store, 2)
    file = torn / "weights.bin"
    if harm == "marker":
        (torn / MARKER).unlink()
    elif harm == "missing":
        file.unlink()
    elif harm == "short":
        file.write_bytes(file.read_bytes()[:-1])
    else:
        file.write_bytes(b"\xff" + file.read_bytes()[1:])
    with caplog.at_level(logging.WARNING):
        assert store.newest() == whole
    assert "checkpoint-2 is passed over" in caplog.text


def test_pruning_keeps_best_and_newest_here_and_in_the_durable_place(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "c", tmp_path / "durable", keep=2)
    for step in range(1, 7):
        write(store, step, best=min(step, 2))
    expected = {"checkpoint-2", "checkpoint-5", "checkpoint-6"}
    assert names(tmp_path / "c") == names(tmp_path / "durable") == expected


def test_fresh_machine_takes_the_newest_whole_copy(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "one", tmp_path / "durable", keep=3)
    write(store, 1)
    write(store, 2)
    (tmp_path / "durable" / "checkpoint-2" / MARKER).unlink()
    fresh = CheckpointStore(tmp_path / "two", tmp_path / "durable", keep=3).newest()
    assert fresh == tmp_path / "two" / "checkpoint-1"
    assert fault_of(fresh) is None


def test_copy_has_its_marker_last_and_nothing_is_left_of_a_failed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    source = write(CheckpointStore(tmp_path / "c", None, keep=3), 1)
    copyfile = shutil.copyfile

    def full(one: Path, two: Path) -> Path:
        assert not list((tmp_path / "to").rglob(MARKER))
        if one.name == "weights.bin":
            raise OSError(28, "No space left on device", str(two))
        return copyfile(one, two)

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space left"):
        copy_whole(source, tmp_path / "to" / source.name)
    assert list((tmp_path / "to").iterdir()) == []


def test_full_durable_place_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import shutil

    def full(one: Path, two: Path) -> None:
        raise OSError(28, "No space left on device", str(two))

    monkeypatch.setattr(shutil, "copyfile", full)
    store = CheckpointStore(tmp_path / "c", tmp_path / "durable", keep=3)
    with caplog.at_level(logging.WARNING):
        path = write(store, 1)
    assert "could not be copied" in caplog.text
    assert fault_of(path) is None
    assert names(tmp_path / "durable") == set()
