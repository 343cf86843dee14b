"""This code on a Volume: a wheel and pinned requirements in a folder named by their hash."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from importlib import resources

from launch.databricks.volume import Volume
from launch.databricks.wheel import FILE_NAME, build
from launch.errors import SubmitError

REQUIREMENTS = "requirements.txt"


@dataclass(frozen=True)
class Code:
    """What a node installs.

    Attributes:
        digest: of both files; names their folder.
        wheel: its bytes.
        requirements: the pins, one per line.
    """

    digest: str
    wheel: bytes
    requirements: str

    def folder(self, volume: str) -> str:
        """Return where it lies on a Volume."""
        return f"{volume}/code/{self.digest[:16]}"

    def wheel_path(self, volume: str) -> str:
        """Return the path of the wheel on a Volume."""
        return f"{self.folder(volume)}/{FILE_NAME}"

    def requirements_path(self, volume: str) -> str:
        """Return the path of the pins on a Volume."""
        return f"{self.folder(volume)}/{REQUIREMENTS}"

    def pins(self) -> list[str]:
        """Return the requirements without comments."""
        lines = (line.partition("#")[0].strip() for line in self.requirements.splitlines())
        return [line for line in lines if line]


@functools.cache
def this_code() -> Code:
    """Return the code of this process: what it was when it was first asked for."""
    wheel = build()
    requirements = resources.files("launch.databricks").joinpath(REQUIREMENTS).read_text("utf-8")
    digest = hashlib.sha256(wheel + requirements.encode()).hexdigest()
    return Code(digest, wheel, requirements)


def deliver(volume: Volume, root: str, code: Code) -> None:
    """Bring code to a Volume unless it is there, and check that it arrived whole.

    Args:
        volume: of the workspace.
        root: the folder on the Volume.
        code: to bring.

    Raises:
        SubmitError: what is there is something else.
        DatabricksError: the Volume can't be read or written.
    """
    for path, data in (
        (code.requirements_path(root), code.requirements.encode()),
        # The wheel last: where it is, the other is too.
        (code.wheel_path(root), code.wheel),
    ):
        if volume.size(path) == len(data):
            continue
        volume.write(path, data)
        arrived = volume.read(path)
        if arrived != data:
            raise SubmitError(
                f"{path} did not arrive whole ({len(arrived or b'')} of {len(data)} bytes). Submit "
                "again; if it stays, check the Volume."
            )
