"""History has all runs, however many: the newest at once, the others soon."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from panel_app import services as shared
from panel_app.background.older import Older
from panel_app.media import Media
from panel_app.services import Services


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    monkeypatch.setattr(shared, "NEWEST", 3)
    services = Services(f"sqlite:///{tmp_path}/many.db", Media("secret"))
    services._older = Older(services._pages, newest=3)
    services.ledger.client.create_experiment("e")
    return services


def add(services: Services, *titles: str) -> None:
    client = services.ledger.client
    experiment = client.get_experiment_by_name("e").experiment_id
    for title in titles:
        run_id = client.create_run(experiment, run_name=title).info.run_id
        client.set_terminated(run_id)
        time.sleep(0.005)


def titles(services: Services) -> list[str]:
    services._stale_at = float("-inf")
    return [one.title for one in services.rows()]


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not done():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def test_runs_beyond_the_newest_are_there_too(services) -> None:
    add(services, "a", "b")
    assert titles(services) == ["b", "a"]
    add(services, "c", "d", "e")
    assert titles(services)[:3] == ["e", "d", "c"]
    until(lambda: titles(services) == ["e", "d", "c", "b", "a"])
    # Pushed out by newer ones, and not read again yet.
    add(services, "f", "g")
    assert titles(services) == ["g", "f", "e", "d", "c", "b", "a"]


def test_what_is_done_to_an_older_run_shows(services) -> None:
    add(services, "a", "b", "c", "d")
    titles(services)
    until(lambda: titles(services) == ["d", "c", "b", "a"])
    oldest = services.rows()[-1].run_id
    services.ledger.client.delete_run(oldest)
    services.renew_rows()
    until(lambda: titles(services) == ["d", "c", "b"])
