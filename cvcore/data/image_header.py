"""What an image file says of itself, read from its header before a pixel is decoded.

Torch-free. PIL parses the header, whatever the file is called; pixels are `cvcore.data.images`'s.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from PIL import Image, UnidentifiedImageError

from cvcore.data.records import ImageRef
from cvcore.errors import DataError

MAX_PIXELS = 178_956_970
"""Default limit, that of `DataConf.max_image_pixels`."""

_ORIENTATION_TAG = 0x0112
_pil_limit = threading.Lock()
# In a JPEG's entropy-coded data FF is followed by 00 (stuffing), RST0-7 or another FF.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_PLAIN_FRAMES = {0xC0, 0xC1, 0xC2}
# Tables, restart interval, JFIF, colour profile, comment; not EXIF (E1) and Adobe (EE).
_PLAIN_SEGMENTS = {0xC4, 0xDB, 0xDD, 0xE0, 0xE2, 0xFE}
_MARKERS_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
# What PIL's header parsers raise on damaged or hostile bytes, besides OSError.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    OverflowError,
    EOFError,
)


@dataclass(frozen=True, slots=True)
class Header:
    """An opened image: what the header says, and PIL's lazy handle.

    Attributes:
        pil: the first frame, not decoded yet.
        format: PIL's name of the content's format (JPEG, PNG, TIFF ...).
        orientation: EXIF orientation 1..8 still to be applied to PIL's or cv2's pixels.
        bits: bits per channel.
    """

    pil: Image.Image
    format: str
    orientation: int
    bits: int

    @property
    def stored_hw(self) -> tuple[int, int]:
        """(height, width) in pixels as stored, before the EXIF rotation."""
        return self.pil.height, self.pil.width

    @property
    def size_hw(self) -> tuple[int, int]:
        """(height, width) in pixels after the EXIF rotation."""
        height, width = self.stored_hw
        return (width, height) if self.orientation >= 5 else (height, width)


def read_header(file: IO[bytes], ref: ImageRef, max_pixels: int) -> Header:
    """Return the header of an open image file.

    Raises:
        DataError: empty, not an image, or more than `max_pixels` pixels; names the file.
    """
    try:
        with _without_pil_limit():
            pil = Image.open(file)
    except UnidentifiedImageError:
        file.seek(0)
        start = file.read(16)
        if not start:
            raise DataError(
                f"image {ref} is empty (0 bytes). Copy it again or remove it."
            ) from None
        raise DataError(
            f"image {ref} is not an image that can be read (it starts with {start!r}). "
            "Save it as JPEG, PNG, WebP, TIFF, BMP or GIF, or remove it."
        ) from None
    except _DAMAGE as error:
        raise damaged(ref, error) from error
    width, height = pil.size
    require_pixels(height, width, ref, max_pixels)
    try:
        return Header(pil, pil.format or "", _orientation(pil), _bits(pil, file))
    except _DAMAGE as error:
        raise damaged(ref, error) from error


def require_pixels(height: int, width: int, ref: ImageRef, max_pixels: int) -> None:
    """Raise DataError where an image has more pixels than allowed."""
    if width * height > max_pixels:
        raise DataError(
            f"image {ref} has {width} x {height} = {width * height:,} pixels; at most "
            f"{max_pixels:,} are allowed. Scale it down, or raise data.max_image_pixels."
        )


def plain_jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Return (height, width) of a JPEG with nothing odd about it, or None: then ask `read_header`.

    Plain is: 8 bits, grey or YCbCr, baseline or progressive, no EXIF, no Adobe marker, one picture.
    It takes microseconds, where PIL takes as long as a fifth of decoding.
    Source: ITU-T T.81, annex B.
    """
    position = 2
    while data[:2] == b"\xff\xd8" and position + 9 < len(data) and data[position] == 0xFF:
        code = data[position + 1]
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if code in _PLAIN_FRAMES:
            height = int.from_bytes(data[position + 5 : position + 7], "big")
            width = int.from_bytes(data[position + 7 : position + 9], "big")
            plain = data[position + 4] == 8 and data[position + 9] in (1, 3) and height and width
            return (height, width) if plain else None
        if code not in _PLAIN_SEGMENTS or data[position + 4 : position + 8] == b"MPF\0":
            return None
        position += 2 + length
    return None


def damaged(ref: ImageRef, reason: object) -> DataError:
    """Return the error of an image whose bytes can't be decoded."""
    return DataError(f"image {ref} is damaged ({reason}). Copy it again or remove it.")


def is_complete(data: bytes, image_format: str) -> bool:
    """Return whether a JPEG or PNG has its end marker (decoders fill what is missing with grey).

    Other formats give True: their decoders report a missing end themselves.
    Source: ITU-T T.81, annex B (JPEG markers); PNG specification, 11.2.5 (IEND).
    """
    if image_format == "PNG":
        return b"IEND\xaeB`\x82" in data[-64:] or b"IEND\xaeB`\x82" in data
    if image_format not in ("JPEG", "MPO") or data.endswith(b"\xff\xd9"):
        return True
    position = 2
    while 0 <= position < len(data) - 1:
        found = _MARKER.search(data, position)
        if found is None:
            return False
        code = data[found.start() + 1]
        if code == 0xD9:
            return True
        position = found.end()
        if code not in _MARKERS_WITHOUT_LENGTH:
            position += int.from_bytes(data[position : position + 2], "big")
    return False


def _orientation(pil: Image.Image) -> int:
    # PIL rotates TIFF itself; for PNG `getexif` would decode all pixels to look for a late chunk.
    if pil.format == "TIFF" or (pil.format == "PNG" and "exif" not in pil.info):
        return 1
    value = pil.getexif().get(_ORIENTATION_TAG, 1)
    return value if value in range(1, 9) else 1


def _bits(pil: Image.Image, file: IO[bytes]) -> int:
    if pil.format == "PNG":
        file.seek(24)  # IHDR: 8 signature, 4 length, 4 type, 4 width, 4 height, then the depth
        return file.read(1)[0]
    if pil.format == "TIFF":
        bits: tuple[int, ...] = getattr(pil, "tag_v2", {}).get(258, (1,))
        return max(bits)
    return 8


@contextmanager
def _without_pil_limit() -> Iterator[None]:
    """Let `max_pixels` be the limit: PIL's own is process-wide and only warns up to twice it."""
    with _pil_limit:
        saved, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = saved
