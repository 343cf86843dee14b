"""Every key of the schema has one field on the page; what differs and what is advised is told."""

from __future__ import annotations

import asyncio
import signal
import sys
import time

import pytest

from cvcore.config.catalogue import catalogue
from cvcore.config.composer import Composer
from cvcore.config.keys import DATA_SCHEMAS, leaves
from cvcore.config.schema import COMPUTE_SCHEMAS, Config
from launch.ledger_run import LedgerRun
from launch.plan import hardware, plan
from panel_app.forms.compose import answer
from panel_app.forms.editor import Editor
from panel_app.forms.fields import BY_OPTION
from panel_app.pages.configure.changes import different
from panel_app.pages.configure.child import Child
from panel_app.pages.configure.plan import _html
from panel_app.pages.configure.sections import SECTIONS, keys_of
from panel_app.pages.configure.speeds import speeds
from panel_app.rows import Row, row
from tests.launch.plan.conftest import large  # noqa: F401 (a fixture)


def test_every_key_is_in_one_section() -> None:
    async def all_keys() -> list[str]:
        found: list[str] = []
        for reader, compute in zip(
            [*DATA_SCHEMAS], [*COMPUTE_SCHEMAS, "local", "local"], strict=True
        ):
            editor = Editor(lambda: None, lambda: None)
            editor.values = answer(Composer([]), [f"data={reader}", f"compute={compute}"]).values
            keys = [key.path for name in SECTIONS for key in keys_of(name, editor)]
            assert len(keys) == len(set(keys))
            found += keys
        return found

    shown = set(asyncio.run(all_keys())) | set(BY_OPTION)
    schemas = [("data.", one) for one in DATA_SCHEMAS.values()]
    schemas += [("compute.", one) for one in COMPUTE_SCHEMAS.values()]
    # What acts on an endpoint only stands in the forms of Deploy, and not where it would do nothing.
    wanted = {key.path for key in leaves(Config) if not (key.info and key.info.of_endpoint)}
    wanted |= {key.path for prefix, schema in schemas for key in leaves(schema, prefix)}
    assert shown == wanted


def test_what_differs_from_a_run_is_told_by_its_logged_text() -> None:
    composer = Composer([])
    values = answer(composer, ["seed=3", "data=coco"]).values
    logged = {
        key: str(value)
        for key, value in answer(composer, ["data=coco"]).values.items()
        if not isinstance(value, dict)
    }
    rows = {row[0]: row[1:] for row in different(values, logged)}
    assert rows["seed"] == ("42", "3")
    assert not [key for key in rows if key.startswith(("optim.", "data.", "trainer."))]


def test_a_model_is_as_fast_as_its_newest_run_was() -> None:
    models = catalogue("detection")
    known = next(one for one in models if one.checkpoint)

    def run(title: str, model: str, speed: float | None, state: str = "FINISHED") -> Row:
        metrics = {} if speed is None else {"images_per_s": speed, "mem/process_gib": 1.0}
        params = {"task.kind": "detection", "model.checkpoint": model}
        made = LedgerRun("a", title, "e", state, 0.0, 1.0, {}, params, metrics)
        return row(made, made.status, 2.0)

    runs = [
        run("failed", known.checkpoint, 9.0, "FAILED"),
        run("silent", known.checkpoint, None),
        run("new", known.checkpoint, 40.0),
        run("old", known.checkpoint, 20.0),
        run("other", "somebody/else", 7.0),
    ]
    assert speeds(runs, models) == {known.option: (40.0, "CPU, run new")}


def test_a_plan_is_shown_with_the_machine_advised(large) -> None:  # noqa: F811
    config = Composer([]).load([])
    made = plan.make(config, large, hardware.nodes([], "aws", {}))
    shown = _html(made.to_dict())
    assert made.best is not None
    assert f"<b>{made.best.node.node_type}</b>" in shown
    assert all(node.node_type in shown for node in hardware.nodes([], "aws", {}))


@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
def test_a_command_that_is_canceled_ends_with_all_it_started() -> None:
    async def run() -> tuple[int, str]:
        child = Child()
        # Its first line is the sign to end it.
        told = child.run(["tests.panel_app.configure.sleeper"], lambda _: child.cancel())
        code, out, _ = await asyncio.wait_for(told, 60)
        return code, out

    code, grandchild = asyncio.run(run())
    assert code == -signal.SIGTERM
    end = time.monotonic() + 10
    while _is_alive(int(grandchild)):
        assert time.monotonic() < end
        time.sleep(0.05)


def _is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
