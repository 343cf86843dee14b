"""`lakesight predict` as a person runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cvcore.cli.main import main

Saved = Callable[[str], Path]


@pytest.fixture
def photos(tmp_path: Path, images: list[NDArray[np.uint8]]) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, image_HW3 in enumerate(images):
        Image.fromarray(image_HW3).save(folder / f"photo {i}.jpg")
    (folder / "notes.txt").write_text("not a picture")
    return folder


def test_a_folder_of_photos(saved: Saved, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["predict", str(saved("detection")), str(photos), "--out", str(out)]
    assert main([*words, "--threshold", "0"]) == 0
    rows = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    assert [Path(row["image"]).name for row in rows] == [f"photo {i}.jpg" for i in range(3)]
    assert all(row["objects"] for row in rows)
    assert len(list((out / "pictures").iterdir())) == 3
    assert Image.open(out / "sheet.png").size[0] > 300
    # Fewer pictures the next time: none of the last time stays.
    assert main([*words[:2], str(photos / "photo 0.jpg"), *words[3:]]) == 0
    assert len(list((out / "pictures").iterdir())) == 1


def test_the_pictures_of_a_data_set(saved: Saved, tmp_path: Path, cache_dir: Path) -> None:
    digits = ["data=digits", "data.num_val=10", f"data.cache_dir={cache_dir}"]
    out = tmp_path / "out"
    folder = str(saved("classification"))
    assert main(["predict", folder, *digits, "--out", str(out), "--no-pictures"]) == 0
    rows = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    assert len(rows) == 10
    assert all(len(row["classes"]) == 3 for row in rows)
    assert not (out / "sheet.png").exists()


def test_a_broken_photo_is_left_out_and_said(
    saved: Saved, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "photo 1.jpg").write_bytes(b"torn")
    out = tmp_path / "out"
    assert main(["predict", str(saved("detection")), str(photos), "--out", str(out)]) == 1
    rows = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    assert ["error" in row for row in rows].count(True) == 1
    assert len(list((out / "pictures").iterdir())) == 2
    assert "photo 1.jpg" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["{model}"], "arguments are required"),
        (["{photos}", "{photos}"], "holds no model"),
        (["{model}", "{photos}/photo 9.jpg"], "Did you mean 'photo"),
        (["{model}", "{model}"], "holds no picture"),
        (["{model}", "{photos}", "--threshold", "2"], "from 0 to 1"),
        (["{model}", "{photos}", "--threshold", "much"], "invalid float"),
        (["{model}", "{photos}", "data=digits"], "one or the other"),
        (["{model}", "data=digitz"], "Did you mean 'digits'"),
        (["{model}", "data=digits", "--split", "vall"], "Did you mean 'val'"),
    ],
)
def test_a_wrong_word_is_one_sentence(
    words: list[str],
    says: str,
    saved: Saved,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    filled = [w.format(model=saved("detection"), photos=photos) for w in words]
    assert main(["predict", *filled]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert says in error
