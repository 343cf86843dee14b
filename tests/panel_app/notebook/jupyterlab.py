"""A real JupyterLab in a process of its own, with a notebook of given cells."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

TOKEN = "lakesight-test"
DOCS = Path(__file__).parents[3] / "docs" / "lakesight.ipynb"


def sources(path: Path) -> list[str]:
    """Return the code of a notebook, cell by cell."""
    cells = json.loads(path.read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def notebook(cells: list[str]) -> dict:
    """Return a notebook of code cells, as nbformat writes it."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": text,
        }
        for number, text in enumerate(cells)
    ]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": made}


class JupyterLab:
    """Serves a folder; its own configuration and runtime lie in it too."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.log = folder / "jupyterlab.log"
        private = {
            f"JUPYTER_{what}_DIR": str(folder / what.lower())
            for what in ("CONFIG", "DATA", "RUNTIME")
        }
        words = ["--no-browser", "--allow-root", "--ServerApp.port=0", "--ServerApp.ip=127.0.0.1"]
        words += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"]
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *words],
                cwd=folder,
                stdout=out,
                stderr=out,
                start_new_session=True,
                env={**os.environ, **private, **environment},
            )
        end = time.monotonic() + 90
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/lab", self.log.read_text())):
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"JupyterLab did not start: {self.log.read_text()}")
            time.sleep(0.1)
        self.url = f"http://127.0.0.1:{found[1]}"

    def open(self, page, name: str, cells: list[str]) -> None:
        """Write a notebook, open it in the browser and run all of its cells."""
        (self.folder / name).write_text(json.dumps(notebook(cells)))
        page.goto(f"{self.url}/lab/tree/{name}?token={TOKEN}")
        page.locator(".jp-Notebook").first.wait_for()
        # Before the kernel is connected the command would ask which one.
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()

    def stop(self) -> None:
        """End it with its kernels."""
        for address in self._kernels():
            request = urllib.request.Request(address, method="DELETE")
            urllib.request.urlopen(request, timeout=20).close()
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)

    def _kernels(self) -> list[str]:
        if not hasattr(self, "url"):
            return []
        base = f"{self.url}/api/kernels"
        with urllib.request.urlopen(f"{base}?token={TOKEN}", timeout=20) as answer:
            found = json.load(answer)
        return [f"{base}/{kernel['id']}?token={TOKEN}" for kernel in found]
