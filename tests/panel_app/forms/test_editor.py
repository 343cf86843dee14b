"""An edited recipe: nothing typed is lost, the address holds it, a sweep is asked for."""

from __future__ import annotations

import asyncio

import pytest

from cvcore.errors import OverrideError
from panel_app.forms.editor import Editor
from panel_app.forms.spec import group_spec


def edited(act) -> Editor:
    """Do something with a new editor and wait for its answer."""

    async def run() -> Editor:
        editor = Editor(lambda: None, lambda: None)
        editor.ask()
        await settled(editor)
        act(editor)
        await settled(editor)
        return editor

    return asyncio.run(run())


async def settled(editor: Editor) -> None:
    for _ in range(600):
        if editor.is_settled:
            return
        await asyncio.sleep(0.05)
    pytest.fail("no answer came")


def again(editor: Editor) -> tuple[Editor, list[str]]:
    """What another browser makes of its address."""
    faults: list[str] = []
    return edited(lambda one: faults.extend(one.restore(editor.query()))), faults


def test_a_bad_value_is_kept_beside_its_fault_and_touches_nothing_else() -> None:
    def act(editor: Editor) -> None:
        editor.choose("task", "classification")
        editor.enter("optim.learning_rate", "fast")
        editor.enter("augment.hflip", "1.5")
        editor.enter("seed", "7")

    editor = edited(act)
    assert set(editor.faults()) == {"optim.learning_rate", "augment.hflip"}
    assert editor.overrides() == ["task=classification", "seed=7"]
    fields = editor.state(editor.keys("optim"))
    assert fields["optim.learning_rate"]["text"] == "fast"
    assert "takes a number" in fields["optim.learning_rate"]["fault"]
    assert not fields["optim.weight_decay"]["fault"]

    other, faults = again(editor)
    assert not faults
    assert other.faults() == editor.faults()
    assert other.overrides() == editor.overrides()
    assert other.query() == editor.query()


def test_what_an_address_may_not_say_is_told_and_the_rest_kept() -> None:
    text = "task=detection foo=1 hydra.run.dir=/tmp optim=sdg seed=3 'run.title=${oc.env:HOME}'"
    faults: list[str] = []
    editor = edited(lambda one: faults.extend(one.restore(text)))
    assert editor.overrides() == ["task=detection", "seed=3"]
    assert len(faults) == 4
    assert "Did you mean 'sgd'" in " ".join(faults)


def test_a_field_shows_what_options_give_and_goes_back_to_it() -> None:
    def act(editor: Editor) -> None:
        editor.choose("model", "detection/rf_detr_nano")
        editor.enter("optim.learning_rate", "0.5")

    editor = edited(act)
    field = editor.state(editor.keys("optim"))["optim.learning_rate"]
    assert (field["text"], field["given"], field["changed"]) == ("0.5", "0.0001", True)
    editor = edited(lambda one: (act(one), one.reset("optim.learning_rate")))
    assert editor.overrides() == ["task=detection", "model=detection/rf_detr_nano"]
    assert not editor.state(editor.keys("optim"))["optim.learning_rate"]["changed"]


def test_several_values_are_a_sweep_only_if_that_is_asked_for() -> None:
    def act(editor: Editor) -> None:
        with pytest.raises(OverrideError, match="several values"):
            editor.add(["seed=1,2"])
        editor.add(["seed=1,2", "optim=sgd"], is_sweep=True)
        with pytest.raises(OverrideError):
            editor.add(["hydra.sweep.dir=a,b"], is_sweep=True)

    editor = edited(act)
    assert editor.overrides() == ["optim=sgd", "seed=1,2"]
    other, faults = again(editor)
    assert not faults
    assert other.sweeps == ("seed=1,2",)


def test_free_overrides_go_into_fields_and_all_or_none_are_taken() -> None:
    def act(editor: Editor) -> None:
        editor.enter("seed", "x")
        editor.add(["seed=9", "model.config.depth=2"])
        with pytest.raises(OverrideError):
            editor.add(["trainer.max_steps=5", "optim.learning_rate=abc"])

    editor = edited(act)
    assert not editor.draft_faults
    assert editor.recipe.values == {"seed": 9}
    assert editor.recipe.extra == ("model.config.depth=2",)


@pytest.mark.parametrize(
    ("group", "option", "key"),
    [
        ("data", "coco_panoptic", "data.train_masks"),
        ("compute", "databricks_cluster", "compute.node_type_id"),
        ("compute", "hostfile", "compute.hostfile"),
    ],
)
def test_a_form_has_the_keys_of_its_option_with_help(group: str, option: str, key: str) -> None:
    editor = edited(lambda one: one.choose(group, option))
    spec = group_spec(group, editor.keys(group), editor.options[group])
    fields = {field["key"]: field for field in spec["fields"]}
    assert fields[key]["help"]
    assert all(field["label"] and field["help"] for field in fields.values())
    assert all(one["help"] for one in spec["options"])


def test_only_what_acts_on_a_run_is_offered() -> None:
    editor = edited(lambda one: None)
    assert [key.path for key in editor.keys("serving")] == ["serving.score_threshold"]
    found = [key.path for key in editor.keys("monitoring")]
    assert found == ["monitoring.system_metrics", "monitoring.sample_interval_s"]
