"""Parts of a log: nothing lost, nothing torn, going on where another node ended."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch.node.layout import chunk_offset
from launch.node.log import LogParts, whole


@given(st.text(), st.integers(0, 3))
def test_whole_ends_at_a_character(text: str, cut: int) -> None:
    data = text.encode()
    part = data[: len(data) - cut] if cut else data
    size = whole(part)
    assert len(part) - size <= 3
    part[:size].decode()


def test_bytes_that_are_no_text_do_not_wait_for_ever() -> None:
    assert whole(b"\xff\xff\xff\xff\xff") >= 4


def test_parts_are_named_by_their_first_byte_and_go_on(tmp_path) -> None:
    for text in ("größer ", "日本語\n"):
        parts = LogParts(tmp_path, 0.01)
        for byte in text.encode():
            parts.write(bytes([byte]))
        parts.close()
    files = sorted(tmp_path.iterdir())
    offset = 0
    for file in files:
        assert chunk_offset(file.name) == offset
        offset += len(file.read_bytes())
        file.read_bytes().decode()
    assert b"".join(f.read_bytes() for f in files).decode() == "größer 日本語\n"


def test_a_volume_that_is_away_keeps_nothing_from_ending(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "logs"
    parts = LogParts(folder, 0.01)
    folder.rmdir()
    folder.write_text("in the way")
    parts.write(b"said\n")
    parts.close()
    folder.unlink()
    folder.mkdir()
    parts._flush(everything=True)
    assert [f.read_bytes() for f in folder.iterdir()] == [b"said\n"]


@pytest.mark.parametrize("name", ["1.txt", "x.txt", "0000000000000001.log"])
def test_other_files_are_no_parts(name: str) -> None:
    assert chunk_offset(name) is None
