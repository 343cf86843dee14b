"""One look at an image file: is it usable, how large, and what does it look like.

Letters: H, W = height, width after the EXIF rotation. Torch-free.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from cvcore.data.contract.rule import Rule, rule
from cvcore.data.image_header import Header, is_complete, read_header
from cvcore.data.images import decode
from cvcore.data.records import ImageRef
from cvcore.errors import DataError

_AGAIN = "copy it again, or remove it from the data set"
_TAIL_BYTES = 64
_BUFFER_BYTES = 1 << 16
_CONVERTED = {
    "CMYK": "CMYK, converted without a colour profile",
    "RGBA": "transparent, put on white",
    "LA": "transparent, put on white",
    "PA": "transparent, put on white",
    "LAB": "Lab, converted to RGB",
    "YCbCr": "YCbCr, converted to RGB",
    "HSV": "HSV, converted to RGB",
}


def _known(_: object) -> bool:
    """Whether it is broken is found by `look`, which reads each file once for all rules."""
    raise NotImplementedError


MISSING = rule(
    "image-missing",
    "the image's file exists and can be opened",
    "put the file there, or remove it from the annotations",
    drop="image",
)(_known)
EMPTY = rule("image-empty", "the file is not empty", _AGAIN, drop="image")(_known)
CORRUPT = rule("image-corrupt", "the file is an image that can be decoded", _AGAIN, drop="image")(
    _known
)
TRUNCATED = rule("image-truncated", "the file is whole", _AGAIN, drop="image")(_known)
TOO_LARGE = rule(
    "image-too-large",
    "an image has at most data.max_image_pixels pixels",
    "scale it down, or raise data.max_image_pixels",
    drop="image",
)(_known)
UNSUPPORTED = rule(
    "image-unsupported",
    "pixels have 8 or 16 bits per channel",
    "save it with 8 or 16 bits per channel",
    drop="image",
)(_known)
CONVERTED = rule("image-converted", "an image is stored as 8-bit RGB or grey",
                 "nothing to do: it is converted when it is read; check that colours look right",
                 severity="info")(_known)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What one look found.

    Attributes:
        size_hw: (H, W) in pixels, or None where the header can't be read.
        orientation: EXIF orientation 1..8.
        broken: the rule that makes the image unusable, or None.
        reason: what is wrong with it, or the value at fault.
        converted: how its pixels are converted, or None.
        digest: SHA-256 of the file's bytes; only where pixels were decoded.
        signature: 128-bit picture hash (`cvcore.data.duplicates`); likewise.
        brightness: mean grey value, 0..255; likewise.
        contrast: standard deviation of the grey values; likewise.
    """

    size_hw: tuple[int, int] | None = None
    orientation: int = 1
    broken: Rule | None = None
    reason: Any = None
    converted: str | None = None
    digest: bytes | None = None
    signature: bytes | None = None
    brightness: float | None = None
    contrast: float | None = None


def look(ref: ImageRef, max_pixels: int, *, pixels: bool) -> ImageFacts:
    """Return what can be said of an image; never raises for a bad one.

    Args:
        ref: the image.
        max_pixels: more are refused.
        pixels: decode it. Else only the header and the end of the file are read, which finds all
            but damage in the middle.
    """
    try:
        with _opened(ref, whole=pixels) as (file, num_bytes):
            if num_bytes == 0:
                return ImageFacts(broken=EMPTY, reason="0 bytes")
            return _look(file, ref, max_pixels, pixels, num_bytes)
    except OSError as error:
        return ImageFacts(broken=MISSING, reason=error.strerror or str(error))


def reason_of(error: DataError, ref: ImageRef) -> str:
    """Return a decoder's message without the file's name, which a fault has already."""
    return str(error).split(". ")[0].replace(f"image {ref} ", "", 1)


def _look(
    file: IO[bytes], ref: ImageRef, max_pixels: int, pixels: bool, num_bytes: int
) -> ImageFacts:
    try:
        header = read_header(file, ref, 2**63)
    except DataError as error:
        return ImageFacts(broken=CORRUPT, reason=reason_of(error, ref))
    height, width = header.size_hw
    found: dict[str, Any] = {"size_hw": header.size_hw, "orientation": header.orientation}
    if height * width > max_pixels:
        return ImageFacts(**found, broken=TOO_LARGE, reason=f"{width} x {height} pixels")
    if not _has_end(file, header, num_bytes):
        return ImageFacts(**found, broken=TRUNCATED, reason=f"no end marker in {num_bytes:,} bytes")
    if header.pil.mode in ("F", "I"):
        return ImageFacts(**found, broken=UNSUPPORTED, reason=f"32-bit pixels ({header.pil.mode})")
    found["converted"] = _conversion(header)
    if not pixels:
        return ImageFacts(**found)
    file.seek(0)
    data = file.read()
    try:
        image_HW3 = decode(ImageRef(data=data, name=str(ref)), max_pixels)
    except DataError as error:
        reason = reason_of(error, ref)
        cut = "truncated" in reason or "end of file" in reason.lower()
        return ImageFacts(**found, broken=TRUNCATED if cut else CORRUPT, reason=reason)
    from cvcore.data.duplicates import grey_of, signature_of

    grey_HW = grey_of(image_HW3)
    return ImageFacts(
        **found,
        digest=hashlib.sha256(data).digest(),
        signature=signature_of(grey_HW),
        brightness=float(grey_HW.mean()),
        contrast=float(grey_HW.std()),
    )


@contextmanager
def _opened(ref: ImageRef, *, whole: bool) -> Iterator[tuple[IO[bytes], int]]:
    """Yield the bytes and their number, some of them read: parsing the header holds a lock."""
    if ref.path is None or whole:
        data = ref.read()
        yield io.BytesIO(data), len(data)
        return
    with ref.path.open("rb", buffering=_BUFFER_BYTES) as file:
        file.peek(1)  # type: ignore[attr-defined]
        yield file, os.fstat(file.fileno()).st_size


def _has_end(file: IO[bytes], header: Header, num_bytes: int) -> bool:
    if header.format not in ("JPEG", "MPO", "PNG"):
        return True
    file.seek(max(0, num_bytes - _TAIL_BYTES))
    tail = file.read()
    if tail.endswith(b"\xff\xd9") or (header.format == "PNG" and is_complete(tail, "PNG")):
        return True
    file.seek(0)
    return is_complete(file.read(), header.format)


def _conversion(header: Header) -> str | None:
    if header.bits == 16:
        return "16 bits per channel, scaled to 8"
    if "transparency" in header.pil.info:
        return "transparent, put on white"
    return _CONVERTED.get(header.pil.mode)
