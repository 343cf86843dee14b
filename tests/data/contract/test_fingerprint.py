"""The fingerprint changes when the data do, and only then."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from cvcore.data.fingerprint import WHOLE_BYTES, content_digest, fingerprint
from cvcore.data.labels import LabelSpace
from cvcore.data.readers import open_splits
from cvcore.data.records import ImageRef


def of(conf, kind="detection"):
    splits = open_splits(conf, kind)
    return fingerprint(splits, LabelSpace.over(s.categories for s in splits.values()))


def test_it_is_16_hex_digits(make):
    found = of(make("detection").save())
    assert len(found) == 16
    assert set(found) <= set("0123456789abcdef")


def test_another_place_and_time_change_nothing(make, tmp_path):
    data = make("detection")
    before = of(data.save())
    shutil.copytree(data.root, tmp_path / "elsewhere")
    for path in (tmp_path / "elsewhere").rglob("*"):
        os.utime(path, (1, 1))
    data.root = tmp_path / "elsewhere"
    assert of(data.config()) == before


def _pixel(data):
    path = data.root / "train/1.png"
    pixels = np.array(Image.open(path))
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(path)


def _without_last(data):
    data.content["train"]["images"].pop()
    data.content["train"]["annotations"] = data.content["train"]["annotations"][:4]


@pytest.mark.parametrize(
    "change",
    [
        _pixel,
        _without_last,
        lambda d: d.annotation(11).update(bbox=[5, 5, 20, 16]),
        lambda d: d.annotation(11).update(category_id=2),
        lambda d: d.annotation(11).update(iscrowd=1),
        lambda d: d.annotation(51).update(area=299),
        lambda d: d.content["train"]["annotations"].pop(),
        lambda d: d.content["train"]["images"].reverse(),
        lambda d: [c["categories"][1].update(name="sand") for c in d.content.values()],
        lambda d: (d.root / "val/4.png").unlink(),
    ],
)
def test_each_change_of_the_data_changes_it(make, change):
    data = make("detection")
    before = of(data.save())
    change(data)
    assert of(data.save()) != before


def test_a_mask_counts(make):
    data = make("semantic_segmentation")
    before = of(data.save(), "semantic_segmentation")
    path = data.root / "masks/val/4.png"
    mask = np.array(Image.open(path))
    mask[0, 0] = 1
    Image.fromarray(mask).save(path)
    assert of(data.config(), "semantic_segmentation") != before


def test_a_large_file_is_known_by_its_size_and_ends(tmp_path):
    path = tmp_path / "large.bin"
    content = bytearray(2 * WHOLE_BYTES)
    path.write_bytes(content)
    digests = {content_digest(ImageRef(path))}
    for place in (0, len(content) - 1):
        changed = bytearray(content)
        changed[place] = 1
        path.write_bytes(changed)
        digests.add(content_digest(ImageRef(path)))
    path.write_bytes(content + b"\0")
    digests.add(content_digest(ImageRef(path)))
    assert len(digests) == 4
