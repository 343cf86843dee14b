"""Image, boxes and masks change together; every knob of `augment` does what it says."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvcore.config.schema import AugmentConf, info_of
from cvcore.data import masks
from cvcore.data.geometry import compose, fit_matrix, fitted_size, invert, warp_boxes
from cvcore.data.samples import IGNORE_INDEX, Sample, Target
from cvcore.data.transforms import Changes, Transform

OFF = AugmentConf(
    hflip=0.0,
    scale=[1.0, 1.0],
    translate=0.0,
    brightness=0.0,
    contrast=0.0,
    saturation=0.0,
    hue=0.0,
)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth colours, so that resampling changes little."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def ellipse(height: int, width: int, x: float, y: float, rx: float, ry: float) -> np.ndarray:
    y_hw, x_hw = np.mgrid[:height, :width] + 0.5
    return (((x_hw - x) / rx) ** 2 + ((y_hw - y) / ry) ** 2 <= 1).astype(np.uint8)


def instances(size_hw, *shapes, crowd=()) -> Target:
    rles = [masks.encode(ellipse(*size_hw, *shape)) for shape in shapes]
    n = len(rles)
    return Target(
        boxes_N4=np.array([masks.bbox_xywh(r) for r in rles], np.float32).reshape(-1, 4),
        labels_N=np.arange(n),
        areas_N=np.array([masks.area(r) for r in rles], np.float32),
        iscrowd_N=np.array([i in crowd for i in range(n)], bool),
        masks=rles,
        annotation_ids=tuple(range(n)),
    )


def sample(size_hw=(60, 80), target: Target | None = None) -> Sample:
    return Sample(1, picture(*size_hw), target or Target(), "a.png", size_hw)


def without_masks(target: Target) -> Target:
    return dataclasses.replace(target, masks=None)


changes = st.builds(
    Changes,
    hflip=st.booleans(),
    vflip=st.booleans(),
    zoom=st.floats(0.5, 2.0),
    shift_xy=st.tuples(st.floats(-0.4, 0.4), st.floats(-0.4, 0.4)),
    rotate_deg=st.sampled_from([0.0, 0.0, -30.0, 7.0, 90.0]),
)
sizes = st.tuples(st.integers(40, 120), st.integers(40, 120))
resizes = st.sampled_from(["stretch", "letterbox"])


def test_no_changes_at_the_same_size_give_the_same_arrays():
    before = sample(target=instances((60, 80), (30, 30, 10, 15)))
    after = Transform((60, 80), augment=OFF)(before)
    assert after.image_HW3 is before.image_HW3
    assert after.target is before.target


@pytest.mark.parametrize("flip", ["hflip", "vflip"])
@pytest.mark.parametrize("with_masks", [True, False])
def test_a_flip_twice_is_no_flip(flip, with_masks):
    target = instances((60, 80), (30, 30, 10, 15), (60, 20, 8, 8))
    before = sample(target=target if with_masks else without_masks(target))
    transform = Transform((60, 80))
    once = transform(before, Changes(**{flip: True}))
    twice = transform(once, Changes(**{flip: True}))
    assert not np.array_equal(once.image_HW3, before.image_HW3)
    assert not np.array_equal(once.target.boxes_N4, target.boxes_N4)
    assert np.array_equal(twice.image_HW3, before.image_HW3)
    assert np.array_equal(twice.target.boxes_N4, target.boxes_N4)
    assert twice.target.masks == (target.masks if with_masks else None)


@settings(max_examples=60, deadline=None)
@given(size=sizes, goal=sizes, resize=resizes, change=changes)
def test_boxes_follow_masks_and_stay_inside(size, goal, resize, change):
    height, width = size
    target = instances(
        size,
        (width * 0.3, height * 0.4, width * 0.15, height * 0.2),
        (width * 0.8, height * 0.8, width * 0.15, height * 0.15),
    )
    transform = Transform(goal, resize)
    by_mask = transform(sample(size, target), change).target
    by_box = transform(sample(size, without_masks(target)), change).target
    limit = [goal[1], goal[0]]
    for moved in (by_mask, by_box):
        assert (moved.boxes_N4[:, :2] >= 0).all()
        assert (moved.boxes_N4[:, :2] + moved.boxes_N4[:, 2:] <= limit).all()
        assert (moved.boxes_N4[:, 2:] > 0).all()
        assert len(moved.boxes_N4) == len(moved.labels_N) == len(moved.annotation_ids)
    if change.rotate_deg % 90 == 0:  # otherwise the box of the corners is larger than the mask's
        for i, box in zip(by_mask.labels_N, by_mask.boxes_N4, strict=True):
            other = by_box.boxes_N4[by_box.labels_N == i]
            inner = (box[:2] > 2).all() and (box[:2] + box[2:] < np.array(limit) - 2).all()
            if inner:  # at the border an ellipse leaves the picture before its box does
                edges, other_edges = (np.r_[b[:2], b[:2] + b[2:]] for b in (box, other[0]))
                assert np.abs(edges - other_edges).max() <= 1.5


@settings(max_examples=40, deadline=None)
@given(size=sizes, goal=sizes, resize=resizes, change=changes)
def test_the_picture_moves_with_its_masks(size, goal, resize, change):
    """A white ellipse on black, and its mask, end up on the same pixels."""
    height, width = size
    shape = (width * 0.5, height * 0.45, width * 0.3, height * 0.25)
    white = np.repeat(255 * ellipse(*size, *shape)[..., None], 3, axis=2)
    before = Sample(1, white, instances(size, shape), "a.png", size)
    after = Transform(goal, resize, image_mean=(0, 0, 0))(before, change)
    assert after.image_HW3.shape == (*goal, 3)
    assert after.image_HW3.dtype == np.uint8
    if not after.target.masks:
        return
    mask = masks.decode(after.target.masks[0]).astype(bool)
    seen = after.image_HW3[..., 0] > 127
    union = (mask | seen).sum()
    contour = 2.5 * (mask.shape[0] + mask.shape[1]) ** 0.5 * 4
    assert (mask ^ seen).sum() <= max(0.1 * union, contour)


def test_an_object_mostly_outside_is_dropped_a_crowd_is_kept():
    target = instances((60, 80), (10, 30, 9, 9), (70, 30, 9, 9), (10, 30, 9, 9), crowd=(2,))
    shifted = Changes(shift_xy=(-0.2, 0.0))  # 16 px to the left
    for target_now in (target, without_masks(target)):
        after = Transform((60, 80), augment=OFF)(sample(target=target_now), shifted).target
        assert after.labels_N.tolist() == [1, 2]
        assert after.iscrowd_N.tolist() == [False, True]
        assert after.annotation_ids == (1, 2)


def test_min_visibility_decides_what_is_dropped():
    target = without_masks(instances((60, 80), (10, 30, 10, 10)))
    shifted = Changes(shift_xy=(-0.125, 0.0))  # half of the box
    for limit, left in ((0.4, 1), (0.6, 0)):
        augment = dataclasses.replace(OFF, min_visibility=limit)
        after = Transform((60, 80), augment=augment)(sample(target=target), shifted).target
        assert len(after.boxes_N4) == left


def test_areas_follow_the_zoom():
    target = instances((60, 80), (40, 30, 10, 10))
    for now in (target, without_masks(target)):
        after = Transform((120, 160))(sample(target=now)).target
        assert after.areas_N == pytest.approx(4 * target.areas_N, rel=0.05)


def test_outside_of_the_image_is_mean_colour_and_unlabelled():
    semantic = np.full((60, 80), 3, np.uint8)
    before = sample(target=Target(semantic_HW=semantic))
    after = Transform((60, 80), image_mean=(0.2, 0.4, 0.6))(
        before, Changes(shift_xy=(0.5, 0.0), brightness=1.5)
    )
    assert set(np.unique(after.target.semantic_HW[:, :40])) == {IGNORE_INDEX}
    assert set(np.unique(after.target.semantic_HW[:, 40:])) == {3}
    assert (after.image_HW3[:, :40] == (51, 102, 153)).all()
    assert after.target.semantic_HW.dtype == np.uint8


def test_panoptic_segments_that_left_are_dropped_and_the_border_is_void():
    ids = np.full((60, 80), 7, np.int32)
    ids[:, :20] = 900_000
    target = Target(
        segment_ids_HW=ids,
        segment_ids_N=np.array([7, 900_000]),
        labels_N=np.array([4, 2]),
        iscrowd_N=np.zeros(2, bool),
    )
    after = Transform((60, 80))(sample(target=target), Changes(shift_xy=(-0.25, 0.0))).target
    assert after.segment_ids_HW.dtype == np.int32
    assert set(np.unique(after.segment_ids_HW)) == {0, 7}
    assert after.segment_ids_N.tolist() == [7]
    assert after.labels_N.tolist() == [4]
    assert after.areas_N.tolist() == [60 * 60]


def test_letterbox_keeps_the_aspect_and_its_inverse_brings_boxes_back():
    size, goal = (60, 80), (100, 100)
    assert fitted_size(size, goal, "letterbox") == (75, 100)
    matrix = fit_matrix(size, goal, "letterbox")
    boxes = np.array([[0.0, 0, 80, 60], [10, 20, 30, 40]])
    assert warp_boxes(boxes, matrix)[0].tolist() == [0, 0, 100, 75]
    assert warp_boxes(warp_boxes(boxes, matrix), invert(matrix)) == pytest.approx(boxes)
    assert compose(matrix, invert(matrix)) == pytest.approx(np.eye(2, 3))
    after = Transform(goal, "letterbox", image_mean=(0, 1, 0))(sample(size))
    assert (after.image_HW3[75:] == (0, 255, 0)).all()


def test_strong_shrinking_averages_instead_of_skipping_pixels():
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    before = Sample(1, stripes, Target(), "a.png", (512, 512))
    for change in (Changes(), Changes(rotate_deg=20.0)):
        after = Transform((60, 60), image_mean=(0.5, 0.5, 0.5))(before, change)
        assert np.abs(after.image_HW3.astype(int) - 128).max() <= 8


def test_changes_depend_on_seed_epoch_and_index_alone():
    transform = Transform((32, 32), augment=AugmentConf())
    drawn = {(s, e, i): transform.draw(s, e, i) for s in (0, 1) for e in (0, 1) for i in (0, 1)}
    assert len(set(drawn.values())) == 8
    assert all(transform.draw(*key) == value for key, value in drawn.items())


KNOBS = {
    "hflip": 1.0,
    "vflip": 1.0,
    "scale": [1.4, 1.5],
    "translate": 0.3,
    "rotate": 45.0,
    "brightness": 0.5,
    "contrast": 0.8,
    "saturation": 0.9,
    "hue": 0.3,
    "blur": 1.0,
    "gray": 1.0,
    "erase": 1.0,
}


def test_every_knob_has_a_test():
    fields = {f.name for f in dataclasses.fields(AugmentConf) if info_of(f)}
    assert fields == {*KNOBS, "min_visibility"}


@pytest.mark.parametrize("knob", KNOBS)
def test_each_knob_changes_the_picture_and_only_its_own_value(knob):
    augment = dataclasses.replace(OFF, **{knob: KNOBS[knob]})
    before = sample(target=Target(class_index=0))
    transform = Transform((60, 80), augment=augment)
    drawn = transform.draw(0, 0, 0)
    after = transform(before, drawn)
    assert not np.array_equal(after.image_HW3, before.image_HW3)
    plain = Transform((60, 80), augment=OFF).draw(0, 0, 0)
    differing = [
        f.name
        for f in dataclasses.fields(drawn)
        if getattr(drawn, f.name) != getattr(plain, f.name)
    ]
    assert len(differing) == 1
    assert drawn.describe() != "unchanged"
    assert plain.describe() == "unchanged"


def test_colours_change_as_said():
    transform = Transform((60, 80))
    before = np.full((60, 80, 3), (100, 60, 40), np.uint8)
    item = Sample(1, before, Target(), "a.png", (60, 80))

    def colour(**change):
        return transform(item, Changes(**change)).image_HW3[0, 0].astype(int)

    assert colour(brightness=1.5) == pytest.approx([150, 90, 60], abs=1)
    assert np.ptp(colour(gray=True)) == 0
    assert colour(gray=True)[0] == pytest.approx(0.299 * 100 + 0.587 * 60 + 0.114 * 40, abs=1)
    turned = colour(hue=1 / 3)
    assert turned.argmax() == 1  # red becomes green
    luma = [0.299, 0.587, 0.114]
    flatter = transform(sample(), Changes(contrast=0.5)).image_HW3 @ luma
    assert flatter.std() == pytest.approx((sample().image_HW3 @ luma).std() / 2, rel=0.05)
    assert flatter.mean() == pytest.approx((sample().image_HW3 @ luma).mean(), rel=0.05)


def test_only_classification_is_erased():
    erased = Changes(erase_xywh=(0.2, 0.2, 0.3, 0.3))
    transform = Transform((60, 80))
    kept = sample(target=instances((60, 80), (40, 30, 10, 10)))
    assert np.array_equal(transform(kept, erased).image_HW3, kept.image_HW3)
    image = transform(sample(target=Target(class_index=1)), erased).image_HW3
    assert (image[12:30, 16:40] == 128).all()


def test_nothing_left_means_no_geometric_change():
    after = Transform((60, 80), augment=OFF)(sample(), Changes(zoom=0.1, shift_xy=(0.9, 0.0)))
    assert np.array_equal(after.image_HW3, sample().image_HW3)


def test_an_image_without_objects_stays_without():
    after = Transform((32, 32))(sample(target=instances((60, 80)))).target
    assert after.boxes_N4.shape == (0, 4)
    assert after.masks == []
