"""A clean data set has no finding; the real one has the two that it has."""

import pytest

from cvcore.config.composer import load
from cvcore.config.schema import TASKS
from cvcore.data.contract import check
from cvcore.data.prepare import prepare
from cvcore.data.readers import open_splits
from cvcore.errors import DataError


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("decode_images", [True, False])
def test_a_clean_set_has_no_finding(make, kind, decode_images):
    conf = make(kind).save()
    report = check(open_splits(conf, kind), kind, conf, decode_images=decode_images)
    assert report.faults == ()
    assert sum(report.num_images.values()) in (5, 10)


@pytest.mark.parametrize("kind", TASKS)
def test_the_built_in_digits_have_no_error(kind, cache_dir):
    sizes = [f"data.num_{split}=40" for split in ("train", "val", "test")]
    conf = load([f"task={kind}", f"data.cache_dir={cache_dir}", *sizes]).data
    report = check(open_splits(conf, kind), kind, conf)
    assert report.ok, [str(fault) for fault in report.errors]


def test_the_zero_area_boxes_of_bccd(bccd):
    conf = load(["task=detection", "data=coco", f"data.root={bccd}"]).data
    report = check(open_splits(conf, "detection"), "detection", conf)
    found = [(f.file.rsplit("/", 1)[1], f.annotation_id, f.field, f.value) for f in report.faults]
    assert found == [
        ("BloodImage_00343.jpg", 2288, "bbox", [181, 329, 0, 0]),
        ("BloodImage_00338.jpg", 3692, "bbox", [504, 337, 0, 0]),
    ]
    assert {fault.rule for fault in report.faults} == {"bbox-zero-area"}


def test_bccd_is_prepared_by_policy(bccd):
    overrides = ["task=detection", "data=coco", f"data.root={bccd}"]
    data = prepare(load(overrides))
    boxes = [a for s in data.splits.values() for i in range(len(s)) for a in s[i].annotations]
    assert len(boxes) == 3941
    with pytest.raises(DataError, match=r"2 places \(bbox-zero-area 2\).*annotation 2288"):
        prepare(load([*overrides, "data.policy=strict"]))
