"""Images that people gave the playground, on this machine's disk, named by what is in them.

So a refresh, another browser and another start of the app show the same one; who has not got the
picture, or an address with its name, can't find it. The oldest go when there are many.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from cvcore.data.image_header import MAX_PIXELS
from cvcore.data.images import header_size
from cvcore.data.records import ImageRef, Record
from cvcore.data.remote_image import MAX_BYTES
from cvcore.errors import DataError
from launch.local.queue import state_dir
from panel_app.data.pictures import whole
from panel_app.media import Answer, Media

SHOWN_PIXELS = 60_000_000
"""More are sent to the model all the same, but not decoded in this process."""

_KEPT = 200
_KEY = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Picture:
    """An image that was given.

    Attributes:
        key: in the address.
        title: file name or where it is from.
        height: pixels, upright.
        width: pixels, upright.
    """

    key: str
    title: str
    height: int
    width: int


class Pictures:
    """The pictures of one app process. Blocking; thread-safe."""

    def __init__(self, media: Media, folder: Path | None = None) -> None:
        """Have their addresses answered.

        Args:
            media: of the process.
            folder: where they are kept; None: in this machine's state folder.
        """
        self._media, self._folder = media, folder
        media.register("play-picture", self._answer)

    @property
    def folder(self) -> Path:
        """Where they are kept."""
        return self._folder or state_dir() / "app" / "pictures"

    def keep(self, data: bytes, title: str) -> Picture:
        """Keep an image.

        Args:
            data: as it came: JPEG, PNG ...
            title: what to call it.

        Raises:
            DataError: it is no image, too large or of too many pixels; in a sentence.
        """
        title = PurePosixPath(title.replace("\\", "/")).name[-120:] or "image"
        if len(data) > MAX_BYTES:
            raise DataError(
                f"{title} has {len(data):,} bytes; an endpoint takes at most {MAX_BYTES:,}. Give a "
                "smaller one."
            )
        height, width = header_size(ImageRef(data=data, name=title), MAX_PIXELS)
        key = hashlib.sha256(data).hexdigest()[:32]
        made = Picture(key, title, height, width)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._write(self.folder / key, data)
            self._write(self.folder / f"{key}.json", json.dumps(asdict(made)).encode())
        except OSError as error:
            raise DataError(f"the image can't be kept here ({error.strerror}).") from error
        self._prune()
        return made

    def get(self, key: str) -> tuple[Picture, bytes]:
        """Return a picture and its bytes.

        Raises:
            DataError: it is not here any more.
        """
        if not _KEY.fullmatch(key):
            raise DataError("the address names no image. Give one.")
        try:
            said = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
            return Picture(**said), (self.folder / key).read_bytes()
        except (OSError, ValueError, TypeError):
            raise DataError("this image is not kept here any more. Give it again.") from None

    def url(self, picture: Picture) -> str:
        """Return the address at which the browser gets it, upright, as the model sees it."""
        return self._media.url("play-picture", key=picture.key)

    def _answer(self, values: Mapping[str, Any]) -> Answer:
        picture, data = self.get(str(values["key"]))
        image = ImageRef(data=data, name=picture.title)
        return whole(Record(image_id=0, image=image), SHOWN_PIXELS)

    def _write(self, path: Path, data: bytes) -> None:
        part = path.with_name(f".{path.name}.{os.getpid()}")
        part.write_bytes(data)
        part.replace(path)

    def _prune(self) -> None:
        files = [path for path in self.folder.iterdir() if _KEY.fullmatch(path.name)]
        if len(files) <= _KEPT:
            return
        files.sort(key=lambda path: path.stat().st_mtime)
        for path in files[:-_KEPT]:
            path.unlink(missing_ok=True)
            path.with_name(f"{path.name}.json").unlink(missing_ok=True)
