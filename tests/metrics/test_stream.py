"""A curve is read from its last step on, from a server that can and from one that can't."""

import math
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

from cvcore.metrics import stream
from cvcore.metrics.stream import MOST, MetricReader
from tests.metrics.tracking_server import Server

pytestmark = pytest.mark.usefixtures("warm")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    server = Server(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


def new_run(client: MlflowClient) -> str:
    return client.create_run(client.create_experiment(f"e{id(client)}")).info.run_id


def log(client: MlflowClient, run_id: str, triples) -> None:
    points = [Metric("a", value, time, step) for step, value, time in triples]
    for start in range(0, len(points), 1_000):
        client.log_batch(run_id, metrics=points[start : start + 1_000])


@pytest.mark.slow
def test_a_server_is_asked_for_what_is_new_only(server) -> None:
    client = MlflowClient(server.uri)
    run_id, reader = new_run(client), MetricReader(client)
    log(client, run_id, [(0, 0.5, 1), (1, math.nan, 2), (7, 0.25, 3)])
    assert reader.newest(run_id)["a"].step == 7
    points = reader.after(run_id, "a", 1)
    assert reader.has_intervals
    assert points.steps.tolist() == [1, 7]
    assert math.isnan(points.values[0])
    assert points.times_ms.tolist() == [2, 3]


@pytest.mark.slow
def test_a_server_without_the_route_gives_the_same(server, monkeypatch) -> None:
    monkeypatch.setattr(stream, "_ROUTE", "/api/2.0/mlflow/no-such-route")
    client = MlflowClient(server.uri)
    run_id, reader = new_run(client), MetricReader(client)
    log(client, run_id, [(step, step / 8, step + 1) for step in range(20)])
    points = reader.after(run_id, "a", 17)
    assert reader.has_intervals is False
    assert points.steps.tolist() == [17, 18, 19]
    assert points.values.tolist() == [17 / 8, 18 / 8, 19 / 8]


def test_more_than_one_answer_holds_is_read_as_a_whole(tmp_path: Path) -> None:
    client = MlflowClient(f"sqlite:///{tmp_path}/m.db")
    run_id, reader = new_run(client), MetricReader(client)
    count = MOST + 700
    log(client, run_id, [(step, float(step == 1_234), step) for step in range(count)])
    sample = reader.interval(run_id, "a")
    assert sample is not None
    assert len(sample) == MOST
    whole = reader.after(run_id, "a", 0)
    assert np.array_equal(whole.steps, np.arange(count))
    assert whole.values[1_234] == 1
