"""What a search may vary is read from Hydra's own grammar."""

from __future__ import annotations

import pytest

from cvcore.errors import ConfigError, OverrideError
from launch.search.space import Choice, Numbers, read
from launch.submit import Submitter


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("optim=adamw,sgd", Choice("optim", ("adamw", "sgd"))),
        ("optim=choice(adamw,sgd)", Choice("optim", ("adamw", "sgd"))),
        ("model.image_size=[32,32],[64,64]", Choice("model.image_size", ("[32,32]", "[64,64]"))),
        ("a.b=interval(0,1)", Numbers("a.b", 0.0, 1.0)),
        ("a.b=tag(log,interval(1e-5,1e-3))", Numbers("a.b", 1e-5, 1e-3, log=True)),
        ("seed=int(interval(1,8))", Numbers("seed", 1, 8, is_int=True)),
        ("a.b=range(16,65,16)", Numbers("a.b", 16, 64, is_int=True, step=16)),
        ("a.b=range(0.5,1.6,0.5)", Choice("a.b", ("0.5", "1.0", "1.5"))),
        ("compute=glob(local*)", Choice("compute", ("local",))),
    ],
)
def test_what_varies(text: str, dimension: Choice | Numbers) -> None:
    space = read(["run.title=x", text])
    assert space.fixed == ("run.title=x",)
    assert space.varied == (dimension,)


def test_a_trial_is_overrides_as_a_person_writes_them() -> None:
    space = read(["a.b=tag(log,interval(1e-5,1e-3))", "optim=adamw,sgd", "c.d=1"])
    values = {"a.b": 3e-4, "optim": "sgd"}
    assert space.overrides(values) == ["c.d=1", "a.b=0.0003", "optim=sgd"]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["seed=1"], "nothing to search"),
        (["a.b=interval(1,0)"], "empty"),
        (["a.b=tag(log,interval(0,1))"], "Start above 0"),
        (["seed=1,2", "seed=range(3)"], "varied twice"),
    ],
)
def test_what_is_no_space_is_refused_in_words(texts: list[str], said: str) -> None:
    with pytest.raises(OverrideError, match=said):
        read(texts)


def test_both_ends_are_held_to_the_schema() -> None:
    composer = Submitter().composer
    with pytest.raises(ConfigError, match="learning_rate"):
        read(["task=classification", "optim.learning_rate=interval(0.1,50)"]).check(composer)
    read(["task=classification", "optim.learning_rate=interval(0.1,0.5)"]).check(composer)
