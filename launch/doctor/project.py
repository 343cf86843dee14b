"""Checks of what a run writes and reads: configuration, folders, tracking."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from cvcore.config.composer import Composer
from cvcore.config.paths import CONF_PATH_VARIABLE
from cvcore.errors import LakesightError
from cvcore.metrics import mlflow_run, server
from launch.doctor.check import Check, Context, Verdict
from launch.dry_run import places


def _configuration(context: Context) -> Verdict:
    if context.config is None:
        return Verdict("fail", context.config_error)
    return Verdict("ok", f"composes: {context.config.task.kind}")


def _conf_folders(_: Context) -> Verdict:
    composer = Composer()
    broken = {}
    for option in composer.options("experiment"):
        try:
            composer.load([f"experiment={option}"])
        except LakesightError as error:
            broken[option] = str(error).splitlines()[0]
    folders = len(composer.search_path)
    if broken:
        option, said = next(iter(broken.items()))
        known = os.environ.get(CONF_PATH_VARIABLE, "")
        return Verdict(
            "fail", f"experiment={option}: {said}", {"experiment": option, "path": known}
        )
    total = sum(len(options) for options in composer.all_options().values())
    return Verdict(
        "ok", f"{total} options, every experiment composes; {folders} folders of your own"
    )


def _run_folder(context: Context) -> Verdict:
    given = context.config.run.dir if context.config else None
    folder = places.require_folder("run.dir", given or "runs")
    return Verdict("ok", str(folder), {"folder": folder})


def _disk(context: Context) -> Verdict:
    given = context.config.run.dir if context.config else None
    folder = Path(given or ".").expanduser().absolute()
    while not folder.is_dir():
        folder = folder.parent
    try:
        free = places.require_space(folder, "run.dir")
    except LakesightError as error:
        return Verdict("fail", str(error), {"folder": folder})
    if free < 10:
        return Verdict("warn", f"{free:.1f} GiB free at {folder}", {"folder": folder})
    return Verdict("ok", f"{free:.0f} GiB free at {folder}")


def _cache(context: Context) -> Verdict:
    given = context.config.data.cache_dir if context.config else "~/.cache/lakesight"
    return Verdict("ok", str(places.require_folder("data.cache_dir", given)))


def _tracking(context: Context) -> Verdict:
    """Ask the server, and write: an experiment tag that says so."""
    if context.config is None:
        return Verdict("skipped", "the configuration does not compose")
    uri = places.require_tracking(context.config)
    client = server.client(uri)
    experiment = mlflow_run.experiment_id(client, context.config.tracking.experiment)
    client.set_experiment_tag(experiment, "lakesight.doctor", "written by `lakesight doctor`")
    return Verdict("ok", f"{server.without_password(uri)} answers and can be written")


def _portable(context: Context) -> Verdict:
    if context.config is None:
        return Verdict("skipped", "the configuration does not compose")
    kind = context.config.compute.kind
    if kind != "databricks":
        return Verdict("ok", f"compute.kind={kind}: what is here is there")
    places.require_portable(context.config)
    return Verdict("ok", "data, weights and tracking server can be reached from the workspace")


def _schema(context: Context) -> Verdict:
    if context.config is None:
        return Verdict("skipped", "the configuration does not compose")
    uri = mlflow_run.tracking_uri(context.config)
    if not uri.startswith("sqlite:///"):
        return Verdict("ok", "the server keeps its own database")
    file = Path(uri.removeprefix("sqlite:///"))
    if not file.is_file():
        return Verdict("ok", "no database yet; the first run makes it")
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as base:
        try:
            found = base.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.DatabaseError as error:
            return Verdict("fail", f"{file} is not MLflow's database ({error})", {"uri": uri})
    newest = _newest_schema()
    if found is None or found[0] != newest:
        version = found[0] if found else "none"
        said = f"{file} has schema {version}, this MLflow has {newest}"
        return Verdict("fail", said, {"uri": uri, "file": file})
    return Verdict("ok", f"schema {newest}")


def _newest_schema() -> str:
    from alembic.script import ScriptDirectory
    from mlflow.store.db import utils

    config = utils._get_alembic_config("sqlite://")
    return str(ScriptDirectory.from_config(config).get_current_head())


PROJECT = (
    Check(
        "configuration", "local", "Whether the given overrides compose and fit together.",
        "Nothing starts.",
        "lakesight compose [overrides]",
        _configuration,
    ),
    Check(
        "conf folders", "local", "Your own conf folders, and every option of `experiment`.",
        "A recipe saved in the app can't be used on the command line, or the other way round.",
        "lakesight compose experiment={experiment}; correct the file below {path}",
        _conf_folders,
    ),
    Check(
        "run folder", "local", "Whether run.dir (or ./runs) can be written.",
        "A training stops before it starts, or at its first checkpoint.",
        "run.dir=<folder you may write to>",
        _run_folder,
    ),
    Check(
        "disk", "local", "Free space where checkpoints go.",
        "A training stops at a checkpoint; the former one stays whole.",
        "du -xh '{folder}' | sort -h | tail -20, or run.dir=<another disk>, or trainer.save_total_limit=1",
        _disk,
    ),
    Check(
        "cache", "local", "Whether data.cache_dir can be written.",
        "Staged and generated data can't be kept.",
        "data.cache_dir=<folder you may write to>",
        _cache,
    ),
    Check(
        "tracking", "local", "Whether the tracking server answers and takes writes.",
        "No run can be created.",
        "mlflow server --backend-store-uri sqlite:///mlruns.db --host 127.0.0.1 --port 5000, "
        "or tracking.uri=sqlite:///mlruns.db",
        _tracking,
    ),
    Check(
        "hand-over",
        "local",
        "Whether data, weights and the tracking server are where another machine reaches them.",
        "`lakesight submit` refuses a run for Databricks whose data or ledger are on this machine.",
        "tracking=databricks data.root=/Volumes/<catalog>/<schema>/<volume>/... (copy with "
        "`databricks fs cp -r`)",
        _portable,
    ),
    Check(
        "tracking schema", "local", "The version of the local ledger's tables against MLflow's.",
        "`Detected out-of-date database schema` after an upgrade of MLflow.",
        "lakesight backup ledger.tar.gz && mlflow db upgrade {uri}",
        _schema,
    ),
)  # fmt: skip
