"""No hollow control: whatever a page offers is operated, and something else on the page must change.

Pages that need a model to show anything are walked beside their other tests.
"""

from __future__ import annotations

import pytest

from tests.panel_app.walker import Walker, opened, require_effects

pytestmark = [pytest.mark.ui, pytest.mark.slow, pytest.mark.usefixtures("warm")]

DIGITS = "task=detection data=digits data.num_train=40 data.num_val=20"

PAGES: tuple[tuple[dict[str, str], str], ...] = (
    ({"page": "configure"}, "lakesight submit"),
    ({"page": "data", "set": DIGITS}, "Duplicates"),
    ({"page": "train"}, "third"),
    ({"page": "playground"}, "There is no model to ask yet"),
    ({"page": "batch"}, "There is none yet"),
    ({"page": "history"}, "third"),
    ({"page": "run", "run": "{first}"}, "Parameters"),
    ({"page": "compare", "runs": "{first},{third}"}, "mean loss since the last log"),
)


@pytest.mark.parametrize(("values", "words"), PAGES, ids=[values["page"] for values, _ in PAGES])
def test_every_control_has_an_effect(page, server, ledger, values, words) -> None:
    filled = {key: value.format(**ledger[1]) for key, value in values.items()}
    require_effects(page, server.url, filled, words)


def test_the_walk_finds_a_dead_control(page, server) -> None:
    opened(page, server.url)
    page.evaluate(
        """() => {
          const dead = document.createElement("button")
          dead.textContent = "Improve the model"
          dead.style.cssText = "position: fixed; bottom: 0; left: 400px; z-index: 9999"
          document.body.append(dead)
        }"""
    )
    dead, _ = Walker(page, {"page": "nope"}, "There is no such page", patience_s=2).walk()
    assert dead == ["nope: submit 'Improve the model'"]
