"""Which runs are meant, their groups, what they come to, and their CSV."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from launch.base import RunState
from panel_app.rows import Row
from panel_app.selection import Selection, chosen, grouped, parsed_tags, to_csv, usage


def one(number: int, **changes) -> Row:
    values = {
        "run_id": f"{number:032x}",
        "title": f"run {number}",
        "state": RunState.SUCCEEDED,
        "reason": "",
        "task": "detection",
        "model": "detection/x",
        "metric": "AP",
        "value": number / 10,
        "user": "ann",
        "experiment": "cells",
        "launcher": "local",
        "submitted_at": 1_000.0 - number,
        "duration_s": 60.0 * number,
    }
    return Row(**(values | changes))


def numbers(rows) -> list[int]:
    return [int(row.run_id, 16) for row in rows]


ROWS = [
    one(1, ran_s=3_600.0, num_gpus=2, usd_per_hour=3.0),
    one(2, user="bob", state=RunState.FAILED, launcher="", value=None),
    one(3, task="classification", metric="top1", sweep=f"{9:032x}", tags={"team": "vision"}),
    one(9, launcher="sweep", title="a sweep", state=RunState.RUNNING),
]


def test_filters_words_and_order() -> None:
    assert numbers(chosen(ROWS, Selection())) == [1, 2, 3, 9]
    assert numbers(chosen(ROWS, Selection(user="bob"))) == [2]
    assert numbers(chosen(ROWS, Selection(where="direct"))) == [2]
    assert numbers(chosen(ROWS, Selection(state="FAILED", q="bob"))) == [2]
    assert numbers(chosen(ROWS, Selection(q="team=vision"))) == [3]
    assert numbers(chosen(ROWS, Selection(sort="-duration"))) == [9, 3, 2, 1]
    # Runs without a result are last.
    assert numbers(chosen(ROWS, Selection(sort="result")))[-1] == 2


def test_an_address_means_only_what_there_is() -> None:
    assert Selection.of({"group": "secret", "sort": "__class__", "q": "x"}) == Selection(q="x")
    again = Selection(sort="user").sorted_by("user")
    assert again.sort == "-user"
    assert Selection.of(again.values()) == again


def test_groups() -> None:
    assert [title for title, _ in grouped(ROWS, "task")] == ["detection", "classification"]
    by_sweep = dict(grouped(ROWS, "sweep"))
    assert numbers(by_sweep["a sweep"]) == [3, 9]
    assert numbers(by_sweep["no sweep"]) == [1, 2]


def test_usage_counts_what_is_known() -> None:
    told = usage(ROWS)
    assert (told.num_runs, told.num_running) == (3, 0)
    assert told.success_rate == 2 / 3
    assert (told.gpu_hours, told.num_gpu_known) == (2.0, 1)
    assert told.cost_usd == 3.0
    assert usage([]).success_rate is None


def test_csv_has_every_run_and_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv([*ROWS, one(4, title='=cmd("x"),\n"y"')]))))
    assert [row["run_id"] for row in rows][:2] == [ROWS[0].run_id, ROWS[1].run_id]
    assert rows[-1]["title"] == '\'=cmd("x"),\n"y"'
    assert rows[0]["gpu_hours"] == "2.0000"
    assert rows[1]["value"] == ""


@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.sampled_from(["", "1", "a b"]))
)
def test_tags_come_back_as_they_were_written(tags) -> None:
    text = ", ".join(f"{key}={value}" if value else key for key, value in tags.items())
    assert parsed_tags(text) == tags
