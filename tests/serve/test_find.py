"""Which folder `runs/latest`, a run or its best mean."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cvcore.errors import ModelError
from cvcore.serve.find import model_folder


def make_run(folder: Path, time_s: int) -> Path:
    best = folder / "best"
    best.mkdir(parents=True)
    (best / "lakesight.json").write_text("{}")
    os.utime(best / "lakesight.json", (time_s, time_s))
    return best


def test_a_run_its_best_and_the_latest(tmp_path: Path) -> None:
    newer = make_run(tmp_path / "a", 200)
    older = make_run(tmp_path / "b", 100)
    assert model_folder(tmp_path / "b") == older
    assert model_folder(older) == older
    assert model_folder(tmp_path / "latest") == newer


def test_a_run_called_latest_wins(tmp_path: Path) -> None:
    make_run(tmp_path / "other", 200)
    named = make_run(tmp_path / "latest", 100)
    assert model_folder(tmp_path / "latest") == named


def test_what_is_not_a_model_is_refused_in_words(tmp_path: Path) -> None:
    make_run(tmp_path / "first", 100)
    with pytest.raises(ModelError, match="Did you mean 'first'"):
        model_folder(tmp_path / "frist")
    with pytest.raises(ModelError, match="Runs with a model in it: first"):
        model_folder(tmp_path)
    (tmp_path / "young").mkdir()
    (tmp_path / "young" / "overrides.yaml").write_text("[]\n")
    with pytest.raises(ModelError, match="has not evaluated yet"):
        model_folder(tmp_path / "young")
    with pytest.raises(ModelError, match="no run with a model yet"):
        model_folder(tmp_path / "young" / "latest")
