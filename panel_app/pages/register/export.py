"""A version's model as ONNX, checked against the trained one; and files to download."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import panel as pn

from cvcore.errors import ConfigError, LakesightError
from launch.registry.registry import ModelVersion
from panel_app import deeds
from panel_app.commands import command
from panel_app.context import Context
from panel_app.errands.errands import Errands
from panel_app.errands.files import Errand, ErrandState
from panel_app.forms.plain import PlainForm, field
from panel_app.forms.view import Action
from panel_app.media import Answer, Media
from panel_app.safe import safe
from panel_app.tasks import Tasks
from panel_app.views.copy import Command
from panel_app.views.table import table

_LINK = "color:var(--panel-primary-color);font-weight:600"


class Export:
    """What of a version can be taken along.

    Attributes:
        view: what is shown.
    """

    def __init__(self, context: Context, errands: Errands) -> None:
        """Build it, still empty."""
        self.context, self.errands = context, errands
        self._version: ModelVersion | None = None
        self._tasks = Tasks()
        self.files = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 0, 12, 0))
        self.form = PlainForm(
            "ONNX",
            (
                field("num_images", "Images to compare", "Of the run's val split; both models must agree.",
                      given="8", control="number", read=_count),
                field("tolerance", "Tolerance", "Largest difference of an output, of its largest value.",
                      given="0.001", control="number", read=_tolerance),
            ),
            self._tell,
            "A file that other software executes. Nothing is written if it answers otherwise than the "
            "trained model.",
        )  # fmt: skip
        self.command = Command(sizing_mode="stretch_width", margin=(6, 0))
        self.start = Action(self._pressed, label="Export as ONNX", sizing_mode="fixed")
        self.done = pn.pane.HTML("", sizing_mode="stretch_width", margin=(8, 0))
        self.view = pn.Column(
            self.files,
            self.form.view,
            self.command,
            self.start,
            self.done,
            sizing_mode="stretch_width",
            margin=0,
        )

    async def show(self, version: ModelVersion) -> None:
        """Show what there is of a version."""
        self._version = version
        media = self.context.services.media
        links = [
            f'<a href="{safe(_url(media, version, what))}" style="{_LINK}">{text}</a>'
            for what, text in (("card", "Model card (Markdown)"), ("facts", "facts.json"))
        ]
        self.files.object = f"Download: {' &nbsp;&middot;&nbsp; '.join(links)}"
        self._tell()
        self.start.disabled = bool(self.form.faults) or not version.run_id
        made = await asyncio.to_thread(self._made, version)
        self.done.object = "" if made is None else export_html(made, media)

    def close(self) -> None:
        """Drop what is under way."""
        self._tasks.close()

    def _made(self, version: ModelVersion) -> Errand | None:
        for one in self.errands.all("export"):
            mine = one.request.arguments["run"] == version.run_id
            if mine and one.state is ErrandState.DONE:
                return one
        return None

    def _tell(self) -> None:
        version = self._version
        if version is None:
            return
        self.start.disabled = bool(self.form.faults) or not version.run_id
        if self.form.faults:
            self.command.text = ""
            return
        values = self.form.values
        self.command.text = command(
            self.context.services,
            *("export", version.run_id[:8], "--onnx", _name(version)),
            *(("--images", str(values["num_images"])) if values["num_images"] != 8 else ()),
            *(("--tolerance", f"{values['tolerance']:g}") if values["tolerance"] != 1e-3 else ()),
        )

    def _pressed(self, _word: dict[str, Any]) -> None:
        self._tasks.begin(self._go())

    async def _go(self) -> None:
        version = self._version
        if version is None:
            return
        arguments = {
            "run": version.run_id,
            "tracking_uri": self.context.services.ledger.uri,
            "file": _name(version),
            **self.form.values,
        }
        try:
            await deeds.do(
                self.errands.start,
                "export",
                arguments,
                subject=version.model,
                title=f"Export {version.model} version {version.version} as ONNX",
                command=self.command.text,
                user=self.context.user,
            )
        except (LakesightError, OSError) as error:
            self.context.tell(str(error), "error")


def told(errand: Errand) -> str:
    """Return what came of an export, in a sentence."""
    made = errand.result
    largest = max(made["differences"].values())
    return (
        f"{made['file']}, {made['size_mib']:.1f} MiB: the same as the trained model on "
        f"{made['num_images']} images, largest difference {largest:.1e}."
    )


def serve_files(media: Media, errands: Errands) -> None:
    """Have files that errands made be downloaded."""

    def answer(values: Mapping[str, Any]) -> Answer:
        path = errands.file(str(values["errand"]), str(values["name"]))
        return Answer(path.read_bytes(), "application/octet-stream", path.name)

    media.register("errand-file", answer)


def export_html(errand: Errand, media: Media) -> str:
    """Return what was compared, and a link to the file."""
    made = errand.result
    url = media.url("errand-file", errand=errand.id, name=made["file"])
    rows = [
        (name, " x ".join(map(str, made["shapes"][name])), f"{difference:.2e}")
        for name, difference in made["differences"].items()
    ]
    batch = "one image" if made["batch"] else "any number of images"
    return (
        f'<p style="margin:4px 0"><a href="{safe(url)}" style="{_LINK}">Download {safe(made["file"])}'
        f"</a>, opset {made['opset']}, {batch} at once. {safe(told(errand))}</p>"
        + table(("Output", "Shape of one image", "Differs by"), rows, caption="What was compared")
    )


def _url(media: Media, version: ModelVersion, what: str) -> str:
    return media.url("version-file", model=version.model, version=version.version, what=what)


def _name(version: ModelVersion) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", f"{version.model}-{version.version}.onnx")


def _count(text: str) -> int:
    if not text.strip().isdigit() or not 1 <= int(text) <= 1000:
        raise ConfigError(f"{text.strip()!r} is not a number of images: give 1 to 1000.")
    return int(text)


def _tolerance(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= 1:
        raise ConfigError(f"{text.strip()!r} is not a tolerance: above 0, at most 1.")
    return value
