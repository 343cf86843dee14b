"""The model card: what a version is, how good, how it was measured, and what is not known.

Markdown, written from the facts alone: nothing is claimed that was not measured. Torch-free.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from cvcore.serve.register.facts import Facts, SplitFacts

FILE = "MODEL_CARD.md"
FEW_IMAGES = 50
FEW_OBJECTS = 10
_MOST_CLASSES = 200
_MAIN = 6
"""Figures of a split that the card shows first; all are in facts.json."""


def card(facts: Facts, title: str = "") -> str:
    """Return the card of a model version.

    Args:
        facts: what is known of it.
        title: its name; "": what the model is.
    """
    model = facts.model
    name = title or f"{model.get('description') or model.get('model_type')}"
    task = facts.task.replace("_", " ")
    sections = [
        f"# {_text(name)}\n\n{summary(facts)}",
        f"## Model\n\n{_table(('', ''), _model_rows(facts, task))}",
        *(_figures(facts, split) for split in ("test", "val") if split in facts.splits),
        _classes(facts),
        _speed(facts),
        _robustness(facts),
        f"## Limits\n\n{_list(limits(facts))}",
        _use(facts, title),
        f"## Made with\n\n{_list(f'{k} {v}' for k, v in facts.packages.items())}",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def summary(facts: Facts) -> str:
    """Return one or two sentences: task, classes, its main figure with how it was made, licence."""
    names = ", ".join(_text(n) for n in facts.classes[:8])
    more = f" and {len(facts.classes) - 8} more" if len(facts.classes) > 8 else ""
    count = f"{len(facts.classes)} class{'es' if len(facts.classes) != 1 else ''}"
    said = f"{facts.task.replace('_', ' ').capitalize()}, {count}: {names}{more}."
    split = facts.judged_on()
    if split:
        value = facts.splits[split].value(facts.primary)
        figure = "undefined" if value is None else f"{value:.4f}"
        images = facts.splits[split].num_images
        said += f" {facts.primary} {figure} on {images:,} images of {split}."
    else:
        said += " It was not evaluated."
    return f"{said} Licence of the weights: {_text(facts.licence)}."


def _model_rows(facts: Facts, task: str) -> list[tuple[str, str]]:
    model = facts.model
    height, width = model["image_size"]
    params = model.get("params_m")
    rows = [
        ("task", task),
        (
            "architecture",
            f"{model.get('model_type')}: {model.get('description') or 'no description'}",
        ),
        ("started from", str(model.get("checkpoint") or "random weights")),
        ("parameters", f"{params:,.1f} million" if params else "not stated"),
        ("input", f"RGB image, fitted to {height} x {width} pixels ({model['resize']})"),
        ("size", f"{facts.size_mib:,.1f} MiB"),
        ("licence of the weights", facts.licence + (f": {n}" if (n := facts.licence_note) else "")),
        ("data fingerprint", facts.data_fingerprint or "not recorded"),
        ("label space", facts.label_space),
        ("weights (sha256)", facts.weights),
        ("MLflow run", facts.run_id),
    ]
    return [(key, _text(value)) for key, value in rows if value]


def _figures(facts: Facts, split: str) -> str:
    found = facts.splits[split]
    keys = [facts.primary, *(k for k in found.metrics if k != facts.primary)]
    shown = [k for k in keys if found.value(k) is not None][: _MAIN + 1]
    rows = []
    for key in shown:
        row = found.metrics[key]
        span = f"{row['low']:.4f} to {row['high']:.4f}" if row.get("low") is not None else ""
        rows.append((key, f"{found.value(key):.4f}", span, _text(str(row.get("description", "")))))
    table = _table(("figure", "value", "95 % interval", "meaning"), rows)
    return f"## Figures on {split}\n\n{table}\n\n{_how(found)}"


def _how(found: SplitFacts) -> str:
    about = found.certificate
    parts = [
        f"{found.num_images:,} images",
        f"data {about.get('dataset_fingerprint') or 'without fingerprint'}",
        f"{about.get('resolution_hw', ['?', '?'])[0]} x {about.get('resolution_hw', ['?', '?'])[1]}"
        f" pixels ({about.get('resize')})",
        f"{about.get('number_format')} on {about.get('device')}",
        "no score threshold before the figures",
    ]
    if about.get("max_detections"):
        parts.append(f"at most {about['max_detections']} detections per image")
    return f"How they were made: {_text(', '.join(map(str, parts)))}; {about.get('time')}."


def _classes(facts: Facts) -> str:
    split = facts.judged_on()
    found = facts.splits.get(split)
    rows = []
    for name in facts.classes[:_MOST_CLASSES]:
        value = found.of_class(name, facts.class_figure) if found else None
        number = found.num_of_class(name) if found else None
        rows.append(
            (
                _text(name),
                "-" if number is None else f"{number:,}",
                "-" if value is None else f"{value:.4f}",
                f"{facts.class_thresholds.get(name, facts.score_threshold):.2f}",
            )
        )
    more = len(facts.classes) - _MOST_CLASSES
    note = f"\n\n{more} more classes are in facts.json." if more > 0 else ""
    of = f" on {split}" if split else ""
    head = ("class", "in the truth", f"{facts.class_figure}{of}", "shown from score")
    return f"## Classes\n\n{_table(head, rows)}{note}"


def _speed(facts: Facts) -> str:
    if facts.latency is None:
        return ""
    rows = [
        (
            str(r["batch_size"]),
            f"{r['p50_ms']:.1f}",
            f"{r['p95_ms']:.1f}",
            f"{r['images_per_s']:.1f}",
        )
        for r in facts.latency["latencies"]
    ]
    table = _table(("images at once", "p50 ms", "p95 ms", "images/s"), rows)
    return (
        f"## Speed\n\n{table}\n\nOn {facts.latency['device']} with {facts.latency['threads']} "
        "threads, from decoded images to predictions, without network."
    )


def _robustness(facts: Facts) -> str:
    if facts.robustness is None:
        return ""
    from cvcore.serve.robustness.record import markdown

    return f"## Robustness\n\n{markdown(facts.robustness)}"


def limits(facts: Facts) -> list[str]:
    """Return what a user of the model has to know, each a sentence that follows from the facts."""
    said = [
        "It knows the classes above only; anything else is missed or taken for one of them.",
        "The figures hold for images like those it was evaluated on; the data fingerprint says which.",
    ]
    split = facts.judged_on()
    if not split:
        said.append("It was not evaluated: nothing is known of how good it is.")
    elif split == "val":
        said.append(
            "There are no figures on test: val also chose the checkpoint and the thresholds, so they "
            "are somewhat too good."
        )
    found = facts.splits.get(split)
    if found is not None and found.num_images < FEW_IMAGES:
        said.append(f"{found.num_images} images of {split} are few: the figures are unsure.")
    if found is not None and (rare := rare_classes(facts, found)):
        names = ", ".join(_text(n) for n in rare[:10])
        more = f" and {len(rare) - 10} more" if len(rare) > 10 else ""
        said.append(f"Fewer than {FEW_OBJECTS} examples in {split} of: {names}{more}.")
    if facts.robustness is None:
        said.append("How it does on blurred, noisy, dark or turned images was not measured.")
    if facts.latency is None:
        said.append("Its speed was not measured.")
    if facts.licence.lower() in ("", "unknown"):
        said.append("The licence of the weights is not known: find out before you use it.")
    if facts.licence_note:
        said.append(f"Licence: {_text(facts.licence_note)}.".replace("..", "."))
    return said


def rare_classes(facts: Facts, found: SplitFacts) -> list[str]:
    """Return the classes of which a split has fewer than FEW_OBJECTS; pixels are not counted."""
    if facts.task == "semantic_segmentation":
        return []
    return [
        name
        for name in facts.classes
        if (number := found.num_of_class(name)) is not None and number < FEW_OBJECTS
    ]


def _use(facts: Facts, title: str) -> str:
    threshold = f"{facts.score_threshold:g}"
    return f"""## Use

```python
import base64, json, mlflow, pandas as pd

model = mlflow.pyfunc.load_model("models:/{title or "NAME"}@champion")
image = base64.b64encode(open("image.jpg", "rb").read()).decode()
answer = json.loads(model.predict(pd.DataFrame({{"image": [image]}}))["answer"][0])
```

Input: encoded JPEG or PNG files as base64 text, one per row. `params={{"score_threshold": {threshold}}}`
replaces the thresholds of all classes."""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def _list(items: Iterable[Any]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _text(text: str) -> str:
    """Return a text that is no markup: names come from data sets."""
    for char in "\\`*_[]<>|#":
        text = text.replace(char, f"\\{char}" if char not in "<>" else f"&{'lg'[char == '>']}t;")
    return " ".join(text.split())
