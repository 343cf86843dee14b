"""The reference pages say what the code says."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from cvcore.cli.reference import pages
from cvcore.cli.reference_api import Sources, api_pages, listed, methods, undescribed
from cvcore.errors import ConfigError

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


def current(name: str, text: str) -> None:
    # Python versions break lines of help differently.
    written = (FOLDER / name).read_text(encoding="utf-8").split()
    assert written == text.split(), f"{name}: run `make docs` and commit docs/reference"


@pytest.mark.parametrize("name", ["config.md", "cli.md"])
def test_a_page_is_current(name: str) -> None:
    current(name, pages()[name])


def test_the_api_is_current_and_described(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="griffe")
    listing = listed(FOLDER)
    made = api_pages(listing)
    for name, text in made.items():
        current(name, text)
    there = {f"api/{path.name}" for path in (FOLDER / "api").iterdir()}
    assert there == made.keys() - {"api.md"}, "a page that the list does not have"
    # griffe says which `Args:` the signature does not have.
    assert not caplog.messages
    sources = Sources()
    names = [(module, n) for page in listing for module, all_ in page.names.items() for n in all_]
    poor = [f"{m}.{n}: {what}" for m, n in names for what in faults(sources.get(m, n))]
    assert not poor, "describe it in its docstring, or take it off docs/reference/api.yaml"


def faults(thing: Any) -> list[str]:
    """What a reader of the page would miss."""
    functions = [thing] if thing.is_function else []
    found = [] if thing.docstring else ["no docstring"]
    if thing.is_class:
        found += [f"the field {name} has no words" for name, said in undescribed(thing) if not said]
        functions = [one for one in methods(thing) if one.is_function]
        found += [f"{one.name} has no docstring" for one in methods(thing) if not one.docstring]
    for one in functions:
        own = [p for p in one.parameters if p.name not in ("self", "cls")]
        kinds = [part.kind.value for part in (one.docstring.parsed if one.docstring else [])]
        if len(own) > 2 and "parameters" not in kinds:
            found.append(f"{one.name} does not say what its {len(own)} arguments are")
    return found


def test_a_list_of_what_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"lists Predictr of cvcore\.serve\.predictor"):
        Sources().get("cvcore.serve.predictor", "Predictr")
    with pytest.raises(ConfigError, match=r"the module cvcore\.nothing, which is not there"):
        Sources().get("cvcore.nothing", "load")
