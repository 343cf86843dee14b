"""The pictures of a data set, made in threads when a browser asks: thumbnails, whole ones, masks.

Every address is signed and names a data set's key and a row; files are read again only inside the
folders that this app may read.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cvcore.data.draw import draw
from cvcore.data.images import decode
from cvcore.data.load import Loader
from cvcore.data.records import ImageRef, Record
from cvcore.data.transforms import train_transform
from cvcore.errors import DataError
from panel_app.data.choice import Choice
from panel_app.data.index import Index
from panel_app.data.overlay import mask_picture
from panel_app.media import Answer

THUMBNAIL_PX = 256
MAX_SIDE_PX = 2_400
"""Of a picture shown large."""

_LOSSLESS_PX = 512
_DRAWN_PX = 1_024
_QUALITY = 85


def thumbnail(record: Record, max_pixels: int, cache: Path) -> Answer:
    """Return an image's thumbnail; one of a file is kept on disk.

    Raises:
        DataError: the image can't be read.
    """
    path = record.image.path
    kept = None
    if path is not None:
        try:
            stat = path.stat()
        except OSError as error:
            raise DataError(f"{path.name} can't be read: {error.strerror}.") from error
        said = f"{path}\0{stat.st_mtime_ns}\0{stat.st_size}\0{THUMBNAIL_PX}"
        name = hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        kept = cache / name[:2] / name
        try:
            return _answer(kept.read_bytes())
        except OSError:
            pass
    image_HW3 = decode(record.image, max_pixels, (THUMBNAIL_PX, THUMBNAIL_PX))
    body = _encoded(_within(image_HW3, THUMBNAIL_PX), THUMBNAIL_PX // 2)
    if kept is not None:
        _keep(kept, body)
    return _answer(body)


def whole(record: Record, max_pixels: int) -> Answer:
    """Return an image as it is decoded for training, at most 2,400 pixels wide or high.

    Raises:
        DataError: it can't be read.
    """
    image_HW3 = _within(decode(record.image, max_pixels), MAX_SIDE_PX)
    return _answer(_encoded(image_HW3, _LOSSLESS_PX))


def mask(record: Record, index: Index, small: bool) -> Answer:
    """Return an image's mask for `parts` of `panel_app.data.overlay.shapes`.

    Raises:
        DataError: it has none, or it can't be read.
    """
    if record.mask is None:
        raise DataError("this image has no mask")
    side = THUMBNAIL_PX if small else MAX_SIDE_PX
    picture = mask_picture(record, index.labels, record.mask, side)
    return _png(picture)


def drawn(record: Record, index: Index, max_pixels: int) -> Answer:
    """Return an image with its truth drawn on it, at most 1,024 pixels wide or high.

    Raises:
        DataError: the image or its truth can't be used.
    """
    sample = Loader(index.labels, index.kind, max_pixels).whole(record)
    picture = Image.fromarray(draw(sample.image_HW3, index.labels, target=sample.target))
    picture.thumbnail((_DRAWN_PX, _DRAWN_PX))
    return _png(picture)


def augmented(record: Record, index: Index, choice: Choice, epoch: int, place: int) -> Answer:
    """Return a training image exactly as the trainer sees it, its truth drawn on it.

    Args:
        record: the image's.
        index: of its data set.
        choice: gives model input, augmentation and seed.
        epoch: whose random changes are shown.
        place: of the record in its split.

    Raises:
        DataError: the image or its truth can't be used.
    """
    conf = choice.conf
    transform = train_transform(conf.model, conf.augment)
    loader = Loader(index.labels, choice.kind, conf.data.max_image_pixels)
    changes = transform.draw(conf.seed, epoch, place)
    sample = loader.changed(record, transform, changes)
    return _png(Image.fromarray(draw(sample.image_HW3, index.labels, target=sample.target)))


def resolved(record: Record, allowed: Callable[[Path], Path]) -> Record:
    """Return the record with its files' real paths.

    Raises:
        DataError: a link leads out of the folders that may be read.
    """

    def real(ref: ImageRef) -> ImageRef:
        return ref if ref.path is None else ImageRef(allowed(ref.path))

    return replace(
        record, image=real(record.image), mask=None if record.mask is None else real(record.mask)
    )


def _within(image_HW3: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    height, width = image_HW3.shape[:2]
    scale = side_px / max(height, width)
    if scale >= 1:
        return image_HW3
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image_HW3, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _encoded(image_HW3: NDArray[np.uint8], lossless_px: int) -> bytes:
    """Return a small picture as PNG, so that its pixels can be counted, a larger one as JPEG."""
    bgr_HW3 = cv2.cvtColor(image_HW3, cv2.COLOR_RGB2BGR)
    if max(image_HW3.shape[:2]) <= lossless_px:
        return bytes(cv2.imencode(".png", bgr_HW3)[1])
    return bytes(cv2.imencode(".jpg", bgr_HW3, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])


def _png(picture: Image.Image) -> Answer:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=3)
    return Answer(out.getvalue(), "image/png")


def _answer(body: bytes) -> Answer:
    return Answer(body, "image/png" if body[:4] == b"\x89PNG" else "image/jpeg")


def _keep(path: Path, body: bytes) -> None:
    """Write a thumbnail; without room for it, it is made again next time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number, draft = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(number, "wb") as file:
            file.write(body)
        Path(draft).replace(path)
    except OSError:
        return
