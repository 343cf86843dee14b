"""Recipes: to overrides and back, minimal, through a file and through composing."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cvcore.config.composer import Composer
from cvcore.config.keys import leaves
from cvcore.config.schema import Config
from cvcore.errors import ConfigError
from panel_app.forms.compose import compose, give
from panel_app.forms.fields import BY_OPTION, base_type, convert, from_text, is_optional, to_text
from panel_app.forms.files import from_yaml, history, load, save, to_yaml
from panel_app.forms.recipe import Recipe, models

COMPOSER = Composer([])
OPTIONS = COMPOSER.all_options()
KEYS = {key.path: key for key in leaves(Config) if key.path not in BY_OPTION}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["1e3", "off", "null", "${oc.env:HOME}", r"\${a}", "it's", "a\\", '"', "é\n", "2020-01-01", "~"]
)
PROFILE = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def values_of(key):
    """What a person may give for a key."""
    info, kind = key.info, base_type(key)
    low, high = (info.bounds if info and info.bounds else None) or (None, None)
    numbers = {
        "int": st.integers(-1000 if low is None else int(low), 1000 if high is None else int(high))
        if low is None or low <= 1000
        else st.just(int(low)),
        "float": st.floats(-1e6 if low is None else low, high or 1e6, allow_nan=False),
    }
    items = {**numbers, "bool": st.booleans(), "str": TEXTS}
    if info and info.choices:
        found = st.sampled_from(info.choices)
    elif kind.startswith("list["):
        counts = {"image_size": 2, "scale": 2, "image_mean": 3, "image_std": 3}
        count = counts.get(key.path.rpartition(".")[2], 2)
        found = st.lists(items.get(kind[5:-1], st.just({"a": "b"})), min_size=count, max_size=count)
    elif key.is_mapping:
        found = st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), TEXTS, max_size=3)
    else:
        found = items[kind]
    found = found.filter(lambda value: "???" not in str(value))
    return found | st.none() if is_optional(key) else found


@st.composite
def recipes(draw):
    task = draw(st.sampled_from(OPTIONS["task"]))
    recipe = Recipe().choose("task", task)
    if draw(st.booleans()):
        recipe = recipe.choose("model", draw(st.sampled_from(models(task, OPTIONS))))
    for group in ("augment", "optim", "deepspeed", "tracking"):
        if draw(st.booleans()):
            recipe = recipe.choose(group, draw(st.sampled_from(OPTIONS[group])))
    for path in draw(st.lists(st.sampled_from(sorted(KEYS)), max_size=4, unique=True)):
        if path == "deepspeed.config":
            # Of `off` it is null, and has no keys to be given.
            recipe = recipe.choose("deepspeed", "zero2")
        recipe = recipe.set(path, draw(values_of(KEYS[path])))
    return recipe


@PROFILE
@given(recipe=recipes())
def test_form_overrides_file_composer_form(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("conf")
    overrides = recipe.to_overrides()
    assert Recipe.from_overrides(overrides, OPTIONS) == recipe
    assert load(save(recipe, "mine", folder), OPTIONS) == recipe
    direct = compose(COMPOSER, overrides)
    by_name = compose(Composer([folder]), ["experiment=mine"])
    assert direct.values
    assert dict(by_name.values) == dict(direct.values)
    assert dict(by_name.faults) == dict(direct.faults)
    for path, value in recipe.values.items():
        if not KEYS[path].is_mapping:
            assert direct.values[path] == value


@PROFILE
@given(recipe=recipes())
def test_minimal_overrides_give_the_same_and_are_fewest(recipe):
    ask = give(COMPOSER)
    shortest = recipe.to_overrides(ask)
    want = ask(recipe.to_overrides())
    assert ask(shortest) == want
    chosen = len(recipe.selections())
    for place in range(chosen, len(shortest)):
        assert ask([*shortest[:place], *shortest[place + 1 :]]) != want


def test_a_value_that_follows_another_one_is_kept_where_needed():
    ask = give(COMPOSER)
    given_rate = ask([])["optim.learning_rate"]
    recipe = Recipe().set("optim.learning_rate", given_rate)
    assert recipe.to_overrides(ask) == []
    both = recipe.set("model.recipe.learning_rate", 0.5)
    assert ask(both.to_overrides(ask))["optim.learning_rate"] == given_rate


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_text_of_a_field_is_read_back(data):
    key = KEYS[data.draw(st.sampled_from(sorted(KEYS)))]
    value = data.draw(values_of(key))
    if value == "" and is_optional(key):
        value = None
    if key.is_mapping and is_optional(key) and value == {}:
        value = None
    assert from_text(key, to_text(value)) == value
    assert convert(key, value) == value


def test_a_model_brings_its_task_and_recipe_and_explicit_values_win():
    one = "detection/d_fine_micro"
    recipe = Recipe().choose("task", "classification").choose("model", one)
    assert recipe.choices == {"task": "detection", "model": one}
    brought = give(COMPOSER)(recipe.to_overrides())
    assert brought["optim.learning_rate"] == brought["model.recipe.learning_rate"]
    recipe = recipe.set("optim.learning_rate", 0.25)
    assert give(COMPOSER)(recipe.to_overrides())["optim.learning_rate"] == 0.25
    assert "model" not in recipe.choose("task", "classification").choices
    assert all(name.startswith("detection/") for name in models("detection", OPTIONS))


def test_values_of_another_reader_wait_for_it():
    recipe = Recipe().choose("data", "digits").set("data.num_train", 50)
    away = recipe.choose("data", "coco")
    assert away.to_overrides(give(COMPOSER)) == ["data=coco"]
    assert away.choose("data", "digits").to_overrides(give(COMPOSER))[-1] == "data.num_train=50"


def test_what_no_field_shows_is_kept_as_written():
    texts = ["task=detection", "model.config.hidden=3", "run.title=a"]
    recipe = Recipe.from_overrides(texts, OPTIONS)
    assert recipe.extra == ("model.config.hidden=3",)
    assert sorted(recipe.to_overrides()) == sorted(texts)
    assert "hidden: 3" in to_yaml(recipe)
    with pytest.raises(ConfigError, match="cannot be kept in a recipe"):
        to_yaml(Recipe(extra=("~model.config.hidden",)))


@pytest.mark.parametrize(
    "text",
    ["hydra.run.dir=x", "model.config={_target_: os.system}", "run.title=${oc.env:HOME}", "a=1"],
)
def test_the_free_box_is_checked(text):
    with pytest.raises(ConfigError):
        Recipe.from_overrides([text], OPTIONS)


@pytest.mark.parametrize(
    "text",
    [
        "run: {title: '${oc.env:HOME}'}",
        "run: {titel: x}",
        "[1]",
        "a: [",
        "defaults: [{/data@x: coco}]",
        "model: {config: {_target_: os.system}}",
        "hydra: {run: {dir: x}}",
    ],
)
def test_import_is_checked(text):
    with pytest.raises(ConfigError):
        from_yaml(text, OPTIONS)


def test_a_run_s_configuration_is_imported():
    from omegaconf import OmegaConf

    overrides = ["task=detection", "data=coco", "optim.learning_rate=0.3", "data.root=/d"]
    composed = OmegaConf.to_container(COMPOSER.compose(overrides), resolve=True)
    recipe = from_yaml(OmegaConf.to_yaml(OmegaConf.create(composed)), OPTIONS)
    ask = give(COMPOSER)
    assert ask(recipe.to_overrides(ask)) == ask(overrides)
    assert len(recipe.to_overrides(ask)) < 30


def test_a_recipe_builds_on_another(tmp_path):
    base = Recipe().choose("experiment", "bccd_detection").set("augment.hflip", 0.125)
    save(base, "mine", tmp_path)
    found = give(Composer([tmp_path]))(["experiment=mine"])
    assert found["augment.hflip"] == 0.125
    assert found["model.image_size"] == [256, 256]
    assert found["data.reader"] == "coco"


def test_nothing_is_overwritten_silently(tmp_path):
    first, second = Recipe().set("seed", 1), Recipe().set("seed", 2)
    path = save(first, "mine", tmp_path)
    with pytest.raises(ConfigError, match="exists"):
        save(second, "mine", tmp_path)
    assert load(path, OPTIONS) == first
    save(second, "mine", tmp_path, is_replaced=True)
    save(first, "mine", tmp_path, is_replaced=True)
    assert [load(old, OPTIONS) for old in history("mine", tmp_path)] == [first, second]
    assert Composer([tmp_path]).options("experiment").count("mine") == 1
    assert not list(tmp_path.rglob("*.tmp"))
    for name in ("../x", "", "_x", "bccd_detection"):
        with pytest.raises(ConfigError):
            save(first, name, tmp_path)
