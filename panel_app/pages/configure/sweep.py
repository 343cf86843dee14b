"""What is said of a sweep where one configuration is shown."""

from __future__ import annotations

import shlex

from panel_app.forms.editor import Editor


def of_a_sweep(editor: Editor) -> tuple[str, str]:
    """Return title and text that say what is not shown of a sweep; empty for a single run."""
    if not editor.sweeps:
        return "", ""
    return (
        "What the runs of the sweep share",
        f"Each run takes besides one value of: {shlex.join(editor.sweeps)}",
    )
