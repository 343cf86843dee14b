"""The facts of a model, with what is not measured yet: speed and robustness."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from cvcore.errors import LakesightError
from cvcore.evaluate.report import LATENCY
from cvcore.serve.register.facts import Facts
from cvcore.serve.register.gather import ROBUSTNESS, facts_of, report_dir

_BATCHES = 20


def measure(
    folder: Path,
    run_id: str,
    latency: bool,
    num_images: int,
    device: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Facts, str]:
    """Return the facts of a saved model, and why something could not be measured ("": all was).

    What was measured of these weights before is not measured again; it is kept beside the reports
    of the run. Data that can't be read any more don't keep a model from being registered.

    Args:
        folder: a saved model folder.
        run_id: of its training.
        latency: time it.
        num_images: for the robustness card; 0: none.
        device: for torch; None: the GPU where there is one.
        say: is told what comes next.

    Raises:
        ModelError: the folder is not a model.
    """
    facts, problem = facts_of(folder, run_id), ""
    if latency and facts.latency is None:
        from cvcore.evaluate import latency as timing

        say("timing the model")
        cost = asdict(timing.measure(folder, device, (1,), _BATCHES))
        facts = replace(facts, latency=_kept(folder, LATENCY, {**cost, "weights": facts.weights}))
    if num_images and facts.robustness is None:
        from cvcore.serve.robustness.measure import measure as robustness

        try:
            card = robustness(
                folder,
                num_images=num_images,
                device=device,
                on_progress=lambda what: say(f"robustness: {what}"),
            )
        except LakesightError as error:
            problem = f"robustness was not measured: {error}"
        else:
            facts = replace(facts, robustness=_kept(folder, ROBUSTNESS, card))
    return facts, problem


def _kept(folder: Path, name: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return a measurement, written beside the reports where that can be done."""
    place = report_dir(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(json.dumps(value, indent=1))
    except OSError:
        return value  # a run that may only be read; the version has it anyway
    return value
