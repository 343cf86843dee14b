"""The images of an evaluation and the masks over them, made in threads when a browser asks.

An image is read where its data set has it, if this app may read there; one in a table is not shown.
"""

from __future__ import annotations

import io
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cvcore.data import masks
from cvcore.data.records import ImageRef, Record
from cvcore.errors import DataError
from panel_app.data import pictures
from panel_app.data.sets import of as data_sets
from panel_app.evaluate.study import Studies, Study
from panel_app.evaluate.study import of as studies_of
from panel_app.media import Answer
from panel_app.services import Services

MODES = {"Mistakes": "mistakes", "Prediction": "prediction", "Truth": "truth"}
"""What masks of whole images show."""

_SMALL_PX = 256
_MAX_PIXELS = 178_956_970


class Pictures:
    """Answers the addresses of one process's evaluations."""

    def __init__(self, services: Services, studies: Studies) -> None:
        """Have the addresses answered."""
        self.services, self.studies = services, studies
        self._sets = data_sets(services)
        services.media.register("evaluation-image", self._image)
        services.media.register("evaluation-mask", self._mask)

    def url(self, study: Study, place: int, *, small: bool) -> str:
        """Return the address of an image by its position."""
        return self.services.media.url("evaluation-image", key=study.key, at=place, small=small)

    def mask_url(self, study: Study, place: int, mode: str, *, small: bool) -> str:
        """Return the address of what is drawn over a whole image, see `mask`."""
        return self.services.media.url(
            "evaluation-mask", key=study.key, at=place, small=small, mode=mode
        )

    def _image(self, values: Mapping[str, Any]) -> Answer:
        study = self.studies.open(str(values["key"]))
        record = self._record(study, int(values["at"]))
        if values["small"]:
            return pictures.thumbnail(record, _MAX_PIXELS, self._sets.folder("evaluations"))
        return pictures.whole(record, _MAX_PIXELS)

    def _record(self, study: Study, place: int) -> Record:
        if not 0 <= place < len(study.image_ids):
            raise DataError("there is no such image any more. Reload the page.")
        image_id = study.image_ids[place]
        source = str(study.truth(image_id)["source"])
        if not Path(source).is_absolute():
            raise DataError(
                f"{source or image_id} lies in a table: it is not shown here, its figures are."
            )
        return Record(image_id, ImageRef(self._sets.allowed(Path(source))))

    def _mask(self, values: Mapping[str, Any]) -> Answer:
        study = self.studies.open(str(values["key"]))
        place = int(values["at"])
        if not 0 <= place < len(study.image_ids):
            raise DataError("there is no such image any more. Reload the page.")
        parts_HW = mask(study, place, str(values["mode"]))
        if values["small"] and max(parts_HW.shape) > _SMALL_PX:
            step = -(-max(parts_HW.shape) // _SMALL_PX)
            parts_HW = parts_HW[step // 2 :: step, step // 2 :: step]
        picture_HW3 = np.zeros((*parts_HW.shape, 3), np.uint8)
        picture_HW3[..., 0], picture_HW3[..., 1] = parts_HW & 255, parts_HW >> 8
        packed = io.BytesIO()
        Image.fromarray(picture_HW3).save(packed, "PNG")
        return Answer(packed.getvalue(), "image/png")


def mask(study: Study, place: int, mode: str) -> NDArray[np.int32]:
    """Return int32 [H, W]: class index + 1, 0 for nothing; with "mistakes" 1 right, 2 wrong.

    Args:
        study: of semantic or panoptic segmentation.
        place: of the image.
        mode: of `MODES`.
    """
    image_id = study.image_ids[place]
    truth = study.truth(image_id)
    size_hw = (int(truth["size_hw"][0]), int(truth["size_hw"][1]))
    if mode == "truth":
        return _classes(study, truth["answers"], size_hw)
    found_HW = _classes(study, study.predicted.of(image_id), size_hw)
    if mode == "prediction":
        return found_HW
    true_HW = _classes(study, truth["answers"], size_hw)
    judged_HW = np.where(true_HW == found_HW, 1, 2).astype(np.int32)
    judged_HW[true_HW == 0] = 0
    return judged_HW


def _classes(study: Study, answers: list[dict[str, Any]], size_hw: tuple[int, int]) -> NDArray[Any]:
    index_of = study.labels.index_of
    classes_HW = np.zeros(size_hw, np.int32)
    for one in answers:
        if "segmentation" in one:
            inside_HW = masks.decode(one["segmentation"]).astype(bool)
            classes_HW[inside_HW] = index_of.get(one["category_id"], -1) + 1
    return classes_HW


_of: weakref.WeakKeyDictionary[Services, Pictures] = weakref.WeakKeyDictionary()
_making = threading.Lock()


def pictures_of(services: Services) -> Pictures:
    """Return the pictures of a process's evaluations; always the same ones."""
    with _making:
        if services not in _of:
            _of[services] = Pictures(services, studies_of(services))
        return _of[services]
