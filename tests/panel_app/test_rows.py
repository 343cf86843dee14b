"""Rows, search, durations and themes, without a page."""

import pytest

from cvcore.errors import ConfigError
from launch.base import RunState, RunStatus
from launch.ledger_run import LedgerRun
from panel_app.router import asked, parsed, query
from panel_app.rows import matching, row
from panel_app.theme import Theme


def run(**changes) -> LedgerRun:
    values = {"run_id": "a" * 32, "title": "cells", "experiment": "e", "mlflow_status": "FINISHED"}
    values |= {"submitted_at": 100.0, "ended_at": 160.0, "tags": {}}
    return LedgerRun(**(values | changes))


def test_a_row_has_the_metric_that_counts_best_first() -> None:
    params = {"task.kind": "detection", "task.metric": "AP"}
    metrics = {"val/AP": 0.5, "best/AP": 0.6}
    one = run(params=params, metrics=metrics, tags={"lakesight.overrides": '["model=detection/x"]'})
    made = row(one, RunStatus(RunState.SUCCEEDED, ended_at=160.0), now_s=1_000.0)
    assert (made.task, made.model, made.value, made.duration_s) == (
        "detection",
        "detection/x",
        0.6,
        60,
    )


def test_every_word_must_be_somewhere() -> None:
    rows = [row(run(title=title), RunStatus(RunState.FAILED), 200.0) for title in ("red", "blue")]
    assert [one.title for one in matching(rows, "RED failed")] == ["red"]
    assert not matching(rows, "red blue")
    assert matching(rows, " ") == rows


def test_a_cut_tag_is_no_error() -> None:
    one = run(tags={"lakesight.overrides": '["model=detection/x'})
    assert row(one, RunStatus(RunState.RUNNING), 200.0).model == ""


def test_a_query_comes_back() -> None:
    values = {"page": "run", "run": "a&b=c?d #é"}
    assert parsed(query(**values)) == values
    assert asked({"page": [b"run"], "bad": [b"\xff"]}) == {"page": "run", "bad": "\ufffd"}


def test_a_theme_changes_what_it_names(tmp_path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("title: Cells\nlight: {primary: '#ff0000'}\n")
    theme = Theme.load(mine)
    assert (theme.title, theme.light["primary"]) == ("Cells", "#ff0000")
    assert theme.light["paper"] == Theme.load().light["paper"]
    assert theme.mui()["light"]["palette"]["primary"]["main"] == "#ff0000"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("titel: x", "Did you mean 'title'"),
        ("light: {primary: red}", "#rrggbb"),
        ("logo: none.svg", "logo"),
        ("[1]", "key: value"),
        ("radius: 99", "0 to 40"),
    ],
)
def test_a_bad_theme_is_said_in_words(tmp_path, text, said) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(text)
    with pytest.raises(ConfigError, match=said.replace("(", r"\(")):
        Theme.load(bad)
