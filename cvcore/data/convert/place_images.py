"""Images of one data set into the folders of another, without two of one name."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from cvcore.data.image_header import MAX_PIXELS, read_header
from cvcore.data.records import ImageRef
from cvcore.errors import DataError

_SUFFIX = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "TIFF": ".tif"}


class ImagePlacer:
    """Copies or links images below a folder."""

    def __init__(self, out: Path, how: str) -> None:
        """Take the folder, and copy or link."""
        if how not in ("copy", "link"):
            raise DataError(f"images can be put there by copy or link, not by {how!r}.")
        self._out, self._how = out, how
        self._taken: set[tuple[str, str]] = set()

    def place(self, ref: ImageRef, folder: str, stem: str | None = None) -> str:
        """Put an image in a folder; return its file name there.

        Args:
            ref: the image.
            folder: relative to the placer's folder.
            stem: the name wanted without suffix; None: the image's own. Where it is taken, a number
                is added.
        """
        own = ref.path or Path(self._name_of_bytes(ref))
        wanted, number = stem or own.stem, 1
        name = f"{wanted}{own.suffix}"
        # Stems are kept apart, not names: masks and labels pair with images by their stem.
        while (folder, Path(name).stem) in self._taken:
            number += 1
            name = f"{wanted}_{number}{own.suffix}"
        self._taken.add((folder, Path(name).stem))
        target = self._out / folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        self._put(ref, target)
        return name

    def _put(self, ref: ImageRef, target: Path) -> None:
        if ref.path is None:
            target.write_bytes(ref.read())
        elif not ref.path.is_file():
            raise DataError(
                f"image {ref.path} does not exist. Add it or take it out of the data set."
            )
        elif self._how == "copy":
            shutil.copyfile(ref.path, target)
        else:
            try:
                os.link(ref.path.resolve(), target)
            except OSError as error:
                if error.errno not in (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP):
                    raise
                raise DataError(
                    f"{ref.path} can't be linked from {target.parent} ({error.strerror}). Choose a "
                    "folder on the same disk, or copy the images."
                ) from error

    def _name_of_bytes(self, ref: ImageRef) -> str:
        import io

        header = read_header(io.BytesIO(ref.read()), ref, MAX_PIXELS)
        suffix = _SUFFIX.get(header.format, f".{header.format.lower()}")
        return f"image_{len(self._taken) + 1:06d}{suffix}"
