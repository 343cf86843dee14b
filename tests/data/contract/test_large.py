"""A split of very many records is checked and treated without holding it in memory."""

import io
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from cvcore.config.schema import CocoConf
from cvcore.data.contract import apply, check
from cvcore.data.contract.check import expected_of
from cvcore.data.contract.treat import treat
from cvcore.data.fingerprint import fingerprint
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Annotation, Category, ImageRef, Record


def _jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((160, 120), 60).convert("RGB").save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


JPEG = _jpeg()


class Generated:
    """Records made when they are asked for, 20 kB of image and 30 boxes each; some are broken."""

    name = "train"
    categories: Sequence[Category] = (Category(1, "cell"),)
    files: Sequence[Path] = ()

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked = 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Record:
        self.asked += 1
        width = 0.0 if index % 500 == 7 else 20.0
        objects = [
            Annotation(f"{index}-{n}", 1, (float(n), 5.0, width if n == 0 else 20.0, 15.0))
            for n in range(30)
        ]
        image = ImageRef(data=bytes(JPEG), name=f"part-{index // 1000}/image-{index}.jpg")
        return Record(index, image, (120, 160), tuple(objects))


def _peak_bytes(count: int) -> int:
    splits = {"train": Generated(count)}
    conf = CocoConf()
    tracemalloc.start()
    try:
        report = check(splits, "detection", conf, decode_images=False)
        treated, _ = treat(splits, report, expected_of(splits, "detection", conf), "drop")
        fingerprint(treated, LabelSpace.over([Generated.categories]))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_memory_is_that_of_ids_not_of_records():
    _peak_bytes(100)  # what is imported and cached once
    few, many = _peak_bytes(300), _peak_bytes(700)
    per_record = (many - few) / 400
    held = len(JPEG) + 30 * 200
    assert per_record < 0.4 * held


def test_treated_records_are_made_when_asked_for():
    splits = {"train": Generated(600), "val": Generated(600)}
    treated = apply(splits, "detection", CocoConf(policy="drop"))
    asked = splits["train"].asked
    assert [len(treated["train"][i].annotations) for i in (6, 7, 507)] == [30, 29, 29]
    assert splits["train"].asked == asked + 3
