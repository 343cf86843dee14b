"""A long curve read in small parts is the curve as a whole, whatever its steps are."""

import sqlite3
from collections.abc import Iterator

import numpy as np
import pytest
from mlflow import MlflowClient

from cvcore.metrics.past import Past
from cvcore.metrics.stream import MOST, MetricReader, Points

SHAPES = {
    "even": np.arange(30_000),
    "sparse": np.arange(9_000) * 977,
    "dense, then sparse": np.concatenate([np.arange(20_000), 20_000 + 400 * np.arange(3_000)]),
    "each step three times": np.repeat(np.arange(6_000), 3),
    "one step very often": np.sort(np.append(np.arange(4_000), np.full(2 * MOST, 1_234))),
    "below zero": np.arange(-5_000, 5_000),
}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> MetricReader:
    database = tmp_path_factory.mktemp("past") / "m.db"
    client = MlflowClient(f"sqlite:///{database}")
    experiment = client.create_experiment("past")
    for shape, steps in SHAPES.items():
        run_id = client.create_run(experiment, run_name=shape).info.run_id
        # Past MLflow's API, which takes a thousand points at a time.
        rows = [("a", float(i % 97), 1_000 + i, run_id, int(s), 0) for i, s in enumerate(steps)]
        with sqlite3.connect(database) as connection:
            connection.executemany(
                "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
    return MetricReader(client)


def run_of(reader: MetricReader, shape: str) -> str:
    experiment = reader.client.get_experiment_by_name("past").experiment_id
    found = reader.client.search_runs([experiment], f"attributes.run_name = '{shape}'")
    return found[0].info.run_id


def same(one: Points, other: Points) -> bool:
    pairs = ((one.steps, other.steps), (one.values, other.values), (one.times_ms, other.times_ms))
    return all(np.array_equal(a, b) for a, b in pairs)


class Moody:
    """A reader whose every third request fails, and a page now and then."""

    def __init__(self, reader: MetricReader) -> None:
        self._reader, self._asked, self._turned = reader, 0, 0

    def interval(self, *arguments) -> Points | None:
        self._asked += 1
        if self._asked % 3 == 0:
            raise ConnectionError("refused")
        return self._reader.interval(*arguments)

    def pages(self, run_id: str, key: str) -> Iterator[Points]:
        self._turned += 1
        for number, page in enumerate(self._reader.pages(run_id, key)):
            if number == self._turned == 1:
                raise ConnectionError("refused")
            yield page


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("moody", [False, True])
def test_the_parts_are_the_whole(reader, shape: str, moody: bool) -> None:
    run_id = run_of(reader, shape)
    sample = reader.interval(run_id, "a")
    assert sample is not None
    past = Past(Moody(reader) if moody else reader, run_id, "a", sample)
    faults = 0
    while True:
        try:
            if not past.read():
                break
        except ConnectionError:
            faults += 1
    assert bool(faults) is moody
    assert same(past.points(), reader.whole(run_id, "a"))


def test_a_part_is_as_much_as_one_answer_holds(reader) -> None:
    run_id = run_of(reader, "even")
    past = Past(reader, run_id, "a", reader.interval(run_id, "a"))
    parts = sum(iter(past.read, False))
    assert parts <= 2 * len(SHAPES["even"]) / MOST + 10
