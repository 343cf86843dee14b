"""Which pages there are. A page's module is imported when somebody first opens it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from panel_app.context import Context
from panel_app.pages.base import Page


@dataclass(frozen=True)
class Entry:
    """A page.

    Attributes:
        key: value of `page` in the address.
        label: in the navigation; "" for a page that is reached from another one.
        icon: of Material icons.
        module: where it is.
        made_by: its class there, called with the session's context.
        below: the entry of the navigation that is marked while it is shown; "" for itself.
    """

    key: str
    label: str
    icon: str
    module: str
    made_by: str
    below: str = ""

    def build(self, context: Context) -> Page:
        """Import the page and build it, still empty."""
        made: Page = getattr(import_module(self.module), self.made_by)(context)
        return made


ENTRIES = (
    Entry("configure", "Configure", "tune", "panel_app.pages.configure.page", "ConfigurePage"),
    Entry("data", "Data", "photo_library", "panel_app.pages.data", "DataPage"),
    Entry("train", "Train", "model_training", "panel_app.pages.train", "TrainPage"),
    Entry("evaluate", "Evaluate", "analytics", "panel_app.pages.evaluate", "EvaluatePage"),
    Entry("register", "Register", "inventory_2", "panel_app.pages.register", "RegisterPage"),
    Entry("deploy", "Deploy", "rocket_launch", "panel_app.pages.deploy", "DeployPage"),
    Entry("playground", "Playground", "science", "panel_app.pages.playground", "PlaygroundPage"),
    Entry("batch", "Batch", "burst_mode", "panel_app.pages.batch", "BatchPage"),
    Entry("history", "History", "history", "panel_app.pages.history", "HistoryPage"),
    Entry("monitor", "Monitor", "monitor_heart", "panel_app.pages.monitor", "MonitorPage"),
    Entry("run", "", "", "panel_app.pages.run", "RunPage", below="train"),
    Entry("compare", "", "", "panel_app.pages.compare", "ComparePage", below="history"),
)
"""In the order of the navigation; the first is shown where the address names none."""

PAGES = {entry.key: entry for entry in ENTRIES}
