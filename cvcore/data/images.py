"""The one place where image bytes become pixels, with a defined answer for every odd file.

Letters: H, W = height, width after the EXIF rotation. Torch-free.

| file | what `decode` gives |
|---|---|
| EXIF orientation 1-8 | upright pixels |
| grey, 1-bit, palette | the same in RGB |
| with alpha (also of a palette) | composited on white, as a browser's page shows it |
| 16 bits per channel | value / 257, rounded (65535 -> 255); no stretching of the contrast |
| CMYK, YCCK | RGB by PIL's plain conversion, no colour profile |
| GIF, animated WebP, multi-page TIFF | the first frame |
| wrong file extension | read by content |
| empty, not an image, damaged, truncated | DataError that names the file |
| more pixels than allowed | DataError, before any pixel is decoded |
| 32-bit integers, floating point | DataError: their range is unknown |

A JPEG whose middle was lost but whose end is there can't be told from a whole one.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cvcore.data.image_header import (
    MAX_PIXELS,
    Header,
    damaged,
    is_complete,
    plain_jpeg_size,
    read_header,
    require_pixels,
)
from cvcore.data.records import ImageRef
from cvcore.errors import DataError

_REDUCED = {
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_TO_8_BITS = ((np.arange(65536) + 128) // 257).astype(np.uint8)


def decode(
    ref: ImageRef, max_pixels: int = MAX_PIXELS, min_size_hw: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Return an image's pixels.

    Args:
        ref: the encoded image.
        max_pixels: more pixels than this are refused from the header alone.
        min_size_hw: (height, width) that is enough for the caller. A JPEG may then come at 1/2, 1/4
            or 1/8 scale, never smaller than this; its true size is `header_size`.

    Returns:
        uint8 [H, W, 3], RGB, upright.

    Raises:
        DataError: see the table of this module; names the file.
    """
    with _opened(ref) as file:
        plain_HW3 = _plain_jpeg(file, ref, max_pixels, min_size_hw)
        if plain_HW3 is not None:
            return plain_HW3
        file.seek(0)
        header, data = _read(file, ref, max_pixels)
        image_HW3 = _with_cv2(data, header, ref, min_size_hw)
        if image_HW3 is None:
            image_HW3 = _with_pil(header, ref)
    return upright(image_HW3, header.orientation)


def header_size(ref: ImageRef, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return (height, width) in pixels after the EXIF rotation, without decoding pixels.

    Raises:
        DataError: not an image, empty, unreadable, or more than `max_pixels` pixels.
    """
    with _opened(ref) as file:
        return read_header(file, ref, max_pixels).size_hw


def decode_mask(ref: ImageRef, max_pixels: int = MAX_PIXELS) -> NDArray[np.int32]:
    """Return a mask's class ids: grey values, or palette indices (never the palette's colours).

    Returns:
        int32 [H, W]. 1-, 2-, 4-, 8- and 16-bit grey and palette files give their stored numbers; an
        RGB file does if its three channels are equal.

    Raises:
        DataError: as `decode`, or a file of colours.
    """
    with _opened(ref) as file:
        header, _ = _read(file, ref, max_pixels)
        values = _loaded(header, ref)
    if values.ndim == 3 and values.shape[2] == 3 and (values == values[..., :1]).all():
        values = values[..., 0]
    if values.ndim != 2 or values.dtype.kind == "f":
        raise DataError(
            f"mask {ref} holds colours ({header.pil.mode}), not class ids. Save it as a grey or "
            "palette PNG whose numbers are the class ids."
        )
    ids_HW = values.astype(np.int32)
    if header.format == "PNG" and header.pil.mode == "L" and header.bits < 8:
        ids_HW //= 255 // (2**header.bits - 1)  # PIL spreads 2- and 4-bit grey over 0..255
    return upright(ids_HW, header.orientation)


def decode_panoptic(ref: ImageRef, max_pixels: int = MAX_PIXELS) -> NDArray[np.int32]:
    """Return a panoptic PNG's segment ids.

    Returns:
        int32 [H, W], R + 256 G + 65536 B; 0 = unlabelled.

    Raises:
        DataError: as `decode`, or a file without colours.

    Source: COCO panoptic format, cocodataset.org/#format-data.
    """
    with _opened(ref) as file:
        header, _ = _read(file, ref, max_pixels)
        if header.pil.mode not in ("RGB", "RGBA", "P"):
            raise DataError(
                f"panoptic PNG {ref} is of mode {header.pil.mode}; RGB is needed, where "
                "R + 256 G + 65536 B is the segment's id."
            )
        _loaded(header, ref)
        rgb_HW3 = np.asarray(header.pil.convert("RGB")).astype(np.int32)
    return rgb_HW3[..., 0] + 256 * rgb_HW3[..., 1] + 65536 * rgb_HW3[..., 2]


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return stored pixels [H, W, ...] turned by an EXIF orientation (1..8), contiguous.

    Source: EXIF 2.3, tag 0x0112.
    """
    if orientation == 1:
        return pixels
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


@contextmanager
def _opened(ref: ImageRef) -> Iterator[IO[bytes]]:
    if ref.data is not None:
        yield io.BytesIO(ref.data)
        return
    assert ref.path is not None
    try:
        file = ref.path.open("rb")
    except OSError as error:
        raise DataError(
            f"image {ref} can't be opened ({error.strerror}). Check the path and its permissions."
        ) from error
    with file:
        yield file


def _read(file: IO[bytes], ref: ImageRef, max_pixels: int) -> tuple[Header, bytes]:
    """Return header and bytes of a file that has its end."""
    header = read_header(file, ref, max_pixels)
    file.seek(0)
    data = file.read()
    if not is_complete(data, header.format):
        raise _truncated(ref)
    return header, data


def _plain_jpeg(
    file: IO[bytes], ref: ImageRef, max_pixels: int, min_size_hw: tuple[int, int] | None
) -> NDArray[np.uint8] | None:
    """Return RGB pixels of the JPEG that most photos are, None for anything else."""
    if file.read(3) != b"\xff\xd8\xff":
        return None
    file.seek(0)
    data = file.read()
    size_hw = plain_jpeg_size(data)
    if size_hw is None:
        return None
    require_pixels(*size_hw, ref, max_pixels)
    if not is_complete(data, "JPEG"):
        raise _truncated(ref)
    flag = _REDUCED.get(_reduction(size_hw, min_size_hw), cv2.IMREAD_COLOR)
    return _rgb(np.frombuffer(data, np.uint8), flag, ref)


def _truncated(ref: ImageRef) -> DataError:
    return damaged(ref, "truncated: its end marker is missing")


def _with_cv2(
    data: bytes, header: Header, ref: ImageRef, min_size_hw: tuple[int, int] | None
) -> NDArray[np.uint8] | None:
    """Return RGB pixels as stored where cv2 is both right and fast, else None."""
    mode, transparent = header.pil.mode, "transparency" in header.pil.info
    encoded = np.frombuffer(data, np.uint8)
    if header.format in ("JPEG", "MPO") and mode in ("RGB", "L"):
        flag = _REDUCED.get(_reduction(header.size_hw, min_size_hw), cv2.IMREAD_COLOR)
    elif header.format == "PNG" and header.bits == 8 and mode in ("RGB", "L") and not transparent:
        flag = cv2.IMREAD_COLOR
    elif header.bits == 16 and header.format in ("PNG", "TIFF"):
        return _sixteen_bits(encoded, ref)
    else:
        return None
    return _rgb(encoded, flag, ref)


def _rgb(encoded: NDArray[np.uint8], flag: int, ref: ImageRef) -> NDArray[np.uint8]:
    image = _imdecode(encoded, flag | cv2.IMREAD_IGNORE_ORIENTATION, ref)
    cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)
    return image


def _imdecode(encoded: NDArray[np.uint8], flags: int, ref: ImageRef) -> NDArray[Any]:
    try:
        image = cv2.imdecode(encoded, flags)
    except cv2.error as error:
        raise damaged(ref, error.err) from error
    if image is None:
        raise damaged(ref, "its pixels can't be decoded")
    return image


def _reduction(size_hw: tuple[int, int], min_size_hw: tuple[int, int] | None) -> int:
    """Return the largest of 1, 2, 4, 8 that leaves the upright image at least `min_size_hw`."""
    if min_size_hw is None:
        return 1
    (height, width), (least_h, least_w) = size_hw, min_size_hw
    return max(
        (n for n in _REDUCED if height >= n * least_h and width >= n * least_w),
        default=1,
    )


def _sixteen_bits(encoded: NDArray[np.uint8], ref: ImageRef) -> NDArray[np.uint8]:
    image = _imdecode(encoded, cv2.IMREAD_UNCHANGED, ref)
    image = _TO_8_BITS[image] if image.dtype == np.uint16 else image.astype(np.uint8)
    if image.ndim == 2:
        return np.repeat(image[..., None], 3, axis=2)
    if image.shape[2] == 3:
        return np.ascontiguousarray(image[..., ::-1])
    return _on_white(Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA)))


def _with_pil(header: Header, ref: ImageRef) -> NDArray[np.uint8]:
    mode = header.pil.mode
    if mode == "F" or mode == "I":
        raise DataError(
            f"image {ref} has 32-bit pixels (mode {mode}), whose range is unknown. Save it with 8 "
            "or 16 bits per channel."
        )
    values = _loaded(header, ref)
    if mode.startswith("I;16"):
        return np.repeat(_TO_8_BITS[values.astype(np.uint16)][..., None], 3, axis=2)
    if mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in header.pil.info:
        return _on_white(header.pil.convert("RGBA"))
    return np.array(header.pil.convert("RGB"))


def _loaded(header: Header, ref: ImageRef) -> NDArray[Any]:
    """Return PIL's pixels as stored, after checking that the file is whole."""
    try:
        header.pil.load()
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise damaged(ref, error) from error
    return np.asarray(header.pil)


def _on_white(rgba: Image.Image) -> NDArray[np.uint8]:
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return np.array(Image.alpha_composite(white, rgba).convert("RGB"))
