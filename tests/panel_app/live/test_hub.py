"""One poller per watched run for all who watch, on a real ledger; it stops when nobody does."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mlflow.entities import Metric

from cvcore.metrics.stream import MOST
from panel_app.background import feed as feeds
from panel_app.media import Media
from panel_app.services import Services


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return Services(f"sqlite:///{tmp_path}/hub.db", Media("secret"))


def new_run(services: Services) -> str:
    client = services.ledger.client
    found = client.get_experiment_by_name("e")
    experiment = found.experiment_id if found else client.create_experiment("e")
    return client.create_run(experiment).info.run_id


def log(services: Services, run_id: str, key: str, triples) -> None:
    points = [Metric(key, value, stamp, step) for step, value, stamp in triples]
    for start in range(0, len(points), 1_000):
        services.ledger.client.log_batch(run_id, metrics=points[start : start + 1_000])


def until(done: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def steps(feed: feeds.Feed, key: str = "train/loss") -> list[int]:
    return feed.curves[key].steps.tolist() if key in feed.curves else []


def test_all_who_watch_a_run_share_one_poller(services) -> None:
    run_id = new_run(services)
    log(services, run_id, "train/loss", [(1, 0.5, 1)])
    first, second = services.hub.watch(run_id), services.hub.watch(run_id)
    feed = first.feed
    assert second.feed is feed
    until(lambda: steps(feed) == [1])
    assert services.hub.num_polled == 1
    version = feed.version
    log(services, run_id, "train/loss", [(2, 0.4, 2), (3, 0.3, 3)])
    until(lambda: steps(feed) == [1, 2, 3])
    assert feed.version > version
    first.close()
    first.close()
    log(services, run_id, "train/loss", [(4, 0.2, 4)])
    until(lambda: steps(feed) == [1, 2, 3, 4])
    second.close()
    until(lambda: services.hub.num_polled == 0)
    # Who comes back sees at once what was there, then what is new.
    log(services, run_id, "train/loss", [(5, 0.1, 5)])
    third = services.hub.watch(run_id)
    assert len(steps(third.feed)) >= 4
    until(lambda: steps(third.feed) == [1, 2, 3, 4, 5])
    third.close()


def test_a_run_that_has_ended_is_read_to_its_end_then_left_alone(services) -> None:
    run_id = new_run(services)
    log(services, run_id, "train/loss", [(1, 0.5, 1), (3, 0.3, 3)])
    watching = services.hub.watch(run_id)
    until(lambda: steps(watching.feed) == [1, 3])
    # A lower step moves no newest point: it is found when the run ends.
    log(services, run_id, "train/loss", [(2, 0.4, 4)])
    services.ledger.client.set_terminated(run_id)
    until(lambda: services.hub.num_polled == 0)
    assert steps(watching.feed) == [1, 2, 3]
    assert watching.feed.details.row.state == "SUCCEEDED"
    # Somebody resumed it.
    services.ledger.client.update_run(run_id, status="RUNNING")
    services.hub.look(run_id)
    log(services, run_id, "train/loss", [(4, 0.2, 5)])
    until(lambda: steps(watching.feed) == [1, 2, 3, 4])
    watching.close()


def test_a_long_curve_is_there_at_once_and_whole_soon(services) -> None:
    run_id = new_run(services)
    count = MOST + 900
    log(services, run_id, "train/loss", [(s, float(s == 1_111), s) for s in range(count)])
    log(services, run_id, "other", [(1, 1.0, 1)])
    watching = services.hub.watch(run_id)
    feed = watching.feed
    until(lambda: bool(steps(feed)))
    until(lambda: feed.curves["train/loss"].is_whole and "other" in feed.curves)
    curve = feed.curves["train/loss"]
    assert np.array_equal(curve.steps, np.arange(count))
    assert curve.pull().values.max() == 1
    watching.close()


def test_only_wanted_metrics_are_read(services) -> None:
    run_id = new_run(services)
    for key in ("train/loss", "val/AP"):
        log(services, run_id, key, [(1, 0.5, 1)])
    watching = services.hub.watch(run_id, ["train/loss"])
    until(lambda: bool(watching.feed.curves))
    everything = services.hub.watch(run_id)
    assert set(watching.feed.curves) <= {"train/loss"} | set(everything.feed.curves)
    until(lambda: set(watching.feed.curves) == {"train/loss", "val/AP"})
    watching.close()
    everything.close()


def test_a_fault_is_said_in_words_and_passes(services, monkeypatch) -> None:
    run_id = new_run(services)
    real, away = services.reader, [True]

    def reader():
        if away[0]:
            raise ConnectionError("refused")
        return real()

    monkeypatch.setattr(services.hub, "_reader", reader)
    watching = services.hub.watch(run_id)
    until(lambda: "refused" in watching.feed.fault)
    away[0] = False
    until(lambda: not watching.feed.fault and watching.feed.details is not None)
    watching.close()
    unknown = services.hub.watch("nope")
    until(lambda: unknown.feed.is_unknown and not unknown.feed.is_running)
    assert "nope" in unknown.feed.fault
    unknown.close()
