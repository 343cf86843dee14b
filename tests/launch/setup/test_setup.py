"""Set-up against the fake workspace, over the wire, with the real SDK."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from launch.cli.setup import add_arguments, run
from launch.setup.run import setup
from launch.setup.sql import statements
from launch.setup.wish import SetupError, wish
from launch.workspace import FakeWorkspace

ANN = "ann@example.com"
PATH = "/Volumes/Main/CV/Lakesight"


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeWorkspace]:
    with FakeWorkspace(tmp_path_factory.mktemp("ws")) as ws:
        ws.add_user(ANN)
        yield ws


@pytest.fixture(autouse=True)
def _no_faults(ws: FakeWorkspace) -> Iterator[None]:
    yield
    ws.faults.clear()


def test_everything_is_made_once_and_holds(ws: FakeWorkspace) -> None:
    app, secret = ws.add_service_principal("app")
    wanted = wish(PATH, "/Shared/team/lakesight", (ANN, app))
    first = setup(ws.client(), wanted)
    assert {step.status for step in first} == {"there", "made"}, first
    assert [s.what for s in first if s.status == "there"] == ["catalog main"]
    assert {step.status for step in setup(ws.client(), wanted)} == {"there"}
    # Ann and the app can do what a run does.
    for client in (
        ws.client(ws.add_user(ANN)),
        ws.client(client_id=app, client_secret=secret, auth_type="oauth-m2m"),
    ):
        import io

        client.files.upload("/Volumes/main/cv/lakesight/x", io.BytesIO(b"x"), overwrite=True)
        assert client.files.download("/Volumes/main/cv/lakesight/x").contents.read() == b"x"
        assert client.experiments.get_by_name("/Shared/team/lakesight").experiment


def test_the_dry_run_prints_sql_and_asks_nothing(capsys, monkeypatch) -> None:
    monkeypatch.delenv("DATABRICKS_HOST", raising=False)
    args = parse("--volume", PATH, "--principal", ANN, "--dry-run")
    assert run(args) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "CREATE SCHEMA IF NOT EXISTS `main`.`cv`;"
    assert "CREATE VOLUME IF NOT EXISTS `main`.`cv`.`lakesight`;" in lines
    assert f"GRANT READ VOLUME, WRITE VOLUME ON VOLUME `main`.`cv`.`lakesight` TO `{ANN}`;" in lines
    assert "CATALOG IF NOT" not in "".join(lines)


def test_the_catalog_only_when_asked(ws: FakeWorkspace) -> None:
    refused = setup(ws.client(), wish("/Volumes/vision/cv/data", "/Shared/a"))
    assert refused[0].status == "fail"
    assert "--create-catalog" in refused[0].said
    assert refused[0].fix == "CREATE CATALOG IF NOT EXISTS `vision`;"
    assert [s.what for s in refused] == ["catalog vision", "experiment /Shared/a"]
    wanted = wish("/Volumes/vision/cv/data", "/Shared/a", create_catalog=True)
    assert statements(wanted)[0] == "CREATE CATALOG IF NOT EXISTS `vision`;"
    assert [s.status for s in setup(ws.client(), wanted)] == ["made", "made", "made", "there"]


def test_who_may_not_is_told_the_sql(ws: FakeWorkspace) -> None:
    bob = ws.client(ws.add_user("bob@example.com"))
    steps = setup(bob, wish("/Volumes/main/bobs/data", "/Shared/bobs"))
    failed = next(step for step in steps if step.status == "fail")
    assert failed.fix.startswith(("CREATE SCHEMA", "CREATE CATALOG"))
    assert failed.said


def test_an_unknown_principal_does_not_stop_the_others(ws: FakeWorkspace) -> None:
    steps = setup(ws.client(), wish(PATH, "/Shared/b", ("nobody@example.com", ANN)))
    failed = [step for step in steps if step.status == "fail"]
    assert failed
    assert all("nobody@example.com" in step.what for step in failed)
    assert failed[0].fix.startswith("GRANT ")


def test_a_workspace_that_stumbles_is_asked_again(ws: FakeWorkspace) -> None:
    ws.faults.add("POST", "*/unity-catalog/*", times=2, status=503, retry_after=0)
    steps = setup(ws.client(), wish("/Volumes/main/stumble/data", "/Shared/c"))
    assert {step.status for step in steps} <= {"there", "made"}


@pytest.mark.parametrize(
    ("volume", "experiment", "word"),
    [
        ("main.cv.data", "/Shared/a", "no Volume's path"),
        ("", "/Shared/a", "LAKESIGHT_VOLUME"),
        ("/Volumes/main/c`v/data", "/Shared/a", "is no name"),
        ("/Volumes/main/cv/data", "lakesight", "no path of the workspace"),
    ],
)
def test_names_that_cannot_be(volume: str, experiment: str, word: str) -> None:
    with pytest.raises(SetupError, match=word):
        wish(volume, experiment)


def parse(*words: str):
    import argparse

    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)
