"""Overrides are written and read without losing or running anything."""

import contextlib
import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from cvcore.config.overrides import assign, parse, quote, select
from cvcore.errors import OverrideError

# Hydra reads an override from one text; a surrogate is no text and a NUL no argument.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXTS.filter(lambda text: text != "???")
)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name.lower() not in ("true", "false", "null", "nan", "inf")
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def read(override: str) -> object:
    """Return the value as a run sees it: parsed by Hydra, then resolved by OmegaConf."""
    config = OmegaConf.create({"key": parse(override).value})
    return OmegaConf.to_container(config, resolve=True)["key"]


def same(left: object, right: object) -> bool:
    """Compare as values and types; nan equals nan."""
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and left == right


@given(VALUES)
@example("${oc.env:HOME}")
@example("\\${x}")
@example("\\\\${x}'\\")
@example("$(rm -rf /)")
@example("a,b")
@example("a\nb")
@example('it\'s "quoted"')
@example("'")
@example("\\")
@example("1e-3")
@example("null")
@example("True")
@example("")
@example(" ")
@example("choice(1,2)")
@example("[1,2]")
@example({"x": [None, "a=b", {"y": -1.5e300}]})
def test_a_value_comes_back_as_it_was(value: object) -> None:
    assert same(read(assign("key", value)), value)


@given(TEXTS)
def test_a_text_never_becomes_several_values_or_another_key(text: str) -> None:
    assume(text != "???")
    found = parse(assign("run.title", text))
    assert (found.key, found.prefix, found.package, found.is_sweep) == (
        "run.title",
        "",
        None,
        False,
    )


@given(NAMES, NAMES)
def test_a_choice_comes_back_as_it_was(group: str, option: str) -> None:
    found = parse(select(group, option))
    assert (found.key, found.value, found.is_sweep) == (group, option, False)


@given(TEXTS)
def test_any_text_is_an_override_or_refused_as_a_fault_of_the_user(text: str) -> None:
    with contextlib.suppress(OverrideError):
        assert parse(text).text == text


@pytest.mark.parametrize("key", ["", "a b", "x=1,y", "${x}", "a.", "~a", "+a", "a@b", "a\nb"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(OverrideError, match="is not a key"):
        assign(key, 1)


@pytest.mark.parametrize("option", ["", "a,b", "../secret", "a b", "${x}", "a=b", "/etc/passwd"])
def test_what_is_no_option_is_refused(option: str) -> None:
    with pytest.raises(OverrideError, match="does not choose an option"):
        select("data", option)


@pytest.mark.parametrize("value", ["???", object(), {"a b": 1}, [{1, 2}]])
def test_what_cannot_be_written_is_refused(value: object) -> None:
    with pytest.raises(OverrideError):
        quote(value)


@pytest.mark.parametrize(
    ("text", "prefix", "key"), [("++a.b=1", "++", "a.b"), ("+a=1", "+", "a"), ("~a", "~", "a")]
)
def test_prefixes_are_told_apart(text: str, prefix: str, key: str) -> None:
    found = parse(text)
    assert (found.prefix, found.key) == (prefix, key)


def test_a_sweep_is_seen() -> None:
    assert parse("optim.learning_rate=1e-3,1e-4").value == (1e-3, 1e-4)
    assert parse("seed=range(1,4)").value == (1, 2, 3)
    assert parse("seed=interval(0,1)").value == ()
