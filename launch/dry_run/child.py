"""The parts of a dry run that need torch: each in a process of its own."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from cvcore.config.schema import Config
from cvcore.errors import LakesightError
from cvcore.train import frozen

TIMEOUT_S = 600.0
_USER_FAULT = 2

Event = dict[str, str]


class Child(Protocol):
    """Rehearses a training and tries its model; in tests in this process."""

    def rehearse(self, config: Config) -> Iterator[Event]:
        """Yield the events of `cvcore.train.probe_rehearsal` as they come.

        Raises:
            LakesightError: the stage that was started last failed.
        """
        ...

    def predict(self, uri: str, tracking_uri: str, image: bytes) -> dict[str, Any]:
        """Return what a logged model answers about an image.

        Raises:
            LakesightError: it can't be loaded, or gives no answer.
        """
        ...


class ChildFailed(LakesightError):  # noqa: N818 (it reads as what happened)
    """A process of a dry run failed."""


class Processes:
    """The real thing: a process each."""

    def rehearse(self, config: Config) -> Iterator[Event]:
        """Yield the rehearsal's events."""
        file = Path(str(config.run.dir)) / "rehearsal.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        frozen.save(config, file)
        command = [sys.executable, "-m", "cvcore.train.probe_rehearsal", str(file)]
        with tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(  # noqa: S603 (our own module)
                command, stdout=subprocess.PIPE, stderr=errors, text=True
            )
            try:
                assert process.stdout is not None
                for text in process.stdout:
                    yield json.loads(text)
                code = process.wait(TIMEOUT_S)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
            errors.seek(0)
            said = errors.read()
        if code:
            raise ChildFailed(_sentence(code, said))

    def predict(self, uri: str, tracking_uri: str, image: bytes) -> dict[str, Any]:
        """Load the model in a clean process: another folder, nothing on its path but the model's."""
        program = Path(__file__).with_name("clean.py")
        with tempfile.TemporaryDirectory(prefix="lakesight-clean-") as folder:
            environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
            done = subprocess.run(  # noqa: S603 (our own program)
                [sys.executable, "-I", str(program), tracking_uri, uri],
                input=base64.b64encode(image),
                capture_output=True,
                cwd=folder,
                env=environment,
                timeout=TIMEOUT_S,
                check=False,
            )
        if done.returncode:
            raise ChildFailed(
                "the logged model does not load and predict in a clean process: "
                + _sentence(done.returncode, done.stderr.decode(errors="replace"))
            )
        return dict(json.loads(done.stdout.decode().strip().splitlines()[-1]))


def _sentence(code: int, said: str) -> str:
    lines = [line for line in said.strip().splitlines() if line.strip()]
    if code == _USER_FAULT:
        start = [i for i, line in enumerate(lines) if line.startswith("error: ")]
        if start:
            return "\n".join(lines[start[-1] :]).removeprefix("error: ")
    killed = " by SIGKILL (often: out of memory)" if code == -9 else f" with exit code {code}"
    return f"its process ended{killed}: {lines[-1] if lines else 'it said nothing'}"


def in_this_process(
    rehearse: Callable[[Config, Callable[[str, str, str], None]], None], config: Config
) -> Iterator[Event]:
    """Yield the events of a rehearsal that runs here; for tests."""
    events: list[Event] = []
    try:
        rehearse(
            config,
            lambda stage, event, said: events.append(
                {"stage": stage, "event": event, "said": said}
            ),
        )
    except LakesightError:
        yield from events
        raise
    yield from events
