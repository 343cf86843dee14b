"""What was saved comes back whole, also when a run was logging meanwhile."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tarfile
import threading
from pathlib import Path

import pytest
from mlflow import MlflowClient

from launch.backup import MANIFEST, BackupError, backup, restore


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger without runs; making its tables takes seconds, so tests copy it."""
    file = tmp_path_factory.mktemp("tables") / "mlruns.db"
    MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def ledger(tmp_path: Path, tables: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """Two experiments, three runs with metrics, tags and artifacts."""
    monkeypatch.chdir(tmp_path)  # where the artifacts of experiment 0 are looked for
    (tmp_path / "here").mkdir()
    shutil.copy(tables, tmp_path / "here" / "mlruns.db")
    client = MlflowClient(f"sqlite:///{tmp_path}/here/mlruns.db")
    for title in ("cells", "roads"):
        experiment = client.create_experiment(title, str(tmp_path / "here" / "mlruns" / title))
        for number in range(2 if title == "cells" else 1):
            run = client.create_run(experiment, run_name=f"{title}-{number}").info.run_id
            client.log_param(run, "optim.learning_rate", 0.1 * (number + 1))
            for step in range(5):
                client.log_metric(run, "train/loss", 1.0 / (step + 1), step=step)
            file = tmp_path / "labels.json"
            file.write_text(json.dumps({"run": run}))
            client.log_artifact(run, str(file), "describe")
            client.set_terminated(run, "FINISHED")
    return client


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    folder = tmp_path / "my_conf"
    (folder / "experiment").mkdir(parents=True)
    (folder / "experiment" / "mine.yaml").write_text("# @package _global_\nseed: 7\n")
    return folder


def listing(client: MlflowClient) -> dict[str, object]:
    """Return everything a person sees of a ledger."""
    experiments = client.search_experiments()
    runs = client.search_runs([e.experiment_id for e in experiments])
    return {
        "experiments": sorted(e.name for e in experiments),
        "runs": {
            run.info.run_id: (
                run.info.run_name,
                run.info.status,
                dict(run.data.params),
                [
                    (m.step, m.value, m.timestamp)
                    for m in client.get_metric_history(run.info.run_id, "train/loss")
                ],
                sorted(a.path for a in client.list_artifacts(run.info.run_id, "describe")),
            )
            for run in runs
        },
    }


@pytest.mark.parametrize("name", ["saved.tar.gz", "saved"])
def test_it_comes_back_equal(name: str, ledger: MlflowClient, conf: Path, tmp_path: Path) -> None:
    before = listing(ledger)
    saved = backup(tmp_path / name, ledger.tracking_uri, [conf])
    assert saved.num_runs == 3
    (tmp_path / "here").rename(tmp_path / "gone")  # nothing may point to the old place
    new = tmp_path / "new"
    restore(tmp_path / name, new / "mlruns.db")
    back = MlflowClient(f"sqlite:///{new}/mlruns.db")
    assert listing(back) == before
    for run_id in before["runs"]:
        file = Path(back.download_artifacts(run_id, "describe/labels.json", str(tmp_path)))
        assert json.loads(file.read_text()) == {"run": run_id}
    assert (new / "conf" / "my_conf" / "experiment" / "mine.yaml").read_text().endswith("seed: 7\n")


def test_while_a_run_is_logging(ledger: MlflowClient, tmp_path: Path) -> None:
    run_id = ledger.create_run("1", run_name="busy").info.run_id
    stop, logged = threading.Event(), []

    def log() -> None:
        while not stop.is_set():
            ledger.log_metric(run_id, "train/loss", 0.5, step=len(logged))
            logged.append(len(logged))

    writer = threading.Thread(target=log)
    writer.start()
    try:
        while len(logged) < 5:
            stop.wait(0.01)
        at_least = len(logged)
        backup(tmp_path / "saved.tar.gz", ledger.tracking_uri, [])
    finally:
        stop.set()
        writer.join()
    restore(tmp_path / "saved.tar.gz", tmp_path / "new" / "mlruns.db")
    with sqlite3.connect(tmp_path / "new" / "mlruns.db") as base:
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    back = MlflowClient(f"sqlite:///{tmp_path}/new/mlruns.db")
    steps = sorted(m.step for m in back.get_metric_history(run_id, "train/loss"))
    assert steps == list(range(len(steps)))
    assert len(steps) >= at_least


def test_nothing_is_overwritten(ledger: MlflowClient, tmp_path: Path) -> None:
    backup(tmp_path / "saved", ledger.tracking_uri, [])
    before = (tmp_path / "here" / "mlruns.db").read_bytes()
    with pytest.raises(BackupError, match="there already"):
        restore(tmp_path / "saved", tmp_path / "here" / "mlruns.db")
    assert (tmp_path / "here" / "mlruns.db").read_bytes() == before
    with pytest.raises(BackupError, match="there already"):
        backup(tmp_path / "saved", ledger.tracking_uri, [])


def test_a_restore_that_fails_leaves_nothing_and_can_be_repeated(
    ledger: MlflowClient, conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(tmp_path / "saved", ledger.tracking_uri, [conf])
    copytree = shutil.copytree

    def full(source, target, *more, **options):
        if Path(target).parent.name.startswith(".restore-") and Path(target).name == "1":
            raise OSError(28, "No space left on device")
        return copytree(source, target, *more, **options)

    monkeypatch.setattr(shutil, "copytree", full)
    with pytest.raises(BackupError, match="No space left"):
        restore(tmp_path / "saved", tmp_path / "new" / "mlruns.db")
    assert list((tmp_path / "new").iterdir()) == []
    monkeypatch.undo()
    restore(tmp_path / "saved", tmp_path / "new" / "mlruns.db")
    assert listing(MlflowClient(f"sqlite:///{tmp_path}/new/mlruns.db")) == listing(ledger)


def test_a_damaged_backup_is_refused_whole(ledger: MlflowClient, tmp_path: Path) -> None:
    backup(tmp_path / "saved", ledger.tracking_uri, [])
    file = next((tmp_path / "saved").rglob("labels.json"))
    file.write_text("{}")
    with pytest.raises(BackupError, match=r"labels\.json is missing or changed"):
        restore(tmp_path / "saved", tmp_path / "new" / "mlruns.db")
    (tmp_path / "saved" / MANIFEST).unlink()
    with pytest.raises(BackupError, match="not a whole backup"):
        restore(tmp_path / "saved", tmp_path / "new" / "mlruns.db")
    assert not (tmp_path / "new").exists()


def test_an_archive_cannot_write_elsewhere(ledger: MlflowClient, tmp_path: Path) -> None:
    (tmp_path / "evil").write_text("x")
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "evil", "../outside")
    with pytest.raises(BackupError):
        restore(tmp_path / "evil.tar.gz", tmp_path / "new" / "mlruns.db")
    assert not (tmp_path.parent / "outside").exists()


def test_a_server_is_not_copied(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="back up its server"):
        backup(tmp_path / "saved", "http://127.0.0.1:5000")
    with pytest.raises(BackupError, match="there is no ledger"):
        backup(tmp_path / "saved", f"sqlite:///{tmp_path}/none.db")
