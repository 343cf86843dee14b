"""A data set's index holds what the reader gave; filters find what a plain look finds."""

import time

import numpy as np
import pytest

from cvcore.config.schema import TASKS
from cvcore.data.images import decode_mask
from cvcore.data.readers import open_splits
from cvcore.errors import DataError
from panel_app.data.as_json import from_line, to_line
from panel_app.data.index import Filter, Index
from panel_app.data.inspection import Wanted
from panel_app.data.items import Items
from panel_app.data.overlay import mask_picture, shapes
from panel_app.data.sets import DataSets
from panel_app.data.write_index import write_index
from tests.panel_app.data.conftest import FEW


def done(sets: DataSets, name: str) -> None:
    end = time.monotonic() + 90
    while not sets.jobs.get(name).is_over:
        assert time.monotonic() < end, sets.jobs.get(name)
        time.sleep(0.05)
    assert sets.jobs.get(name).state == "done", sets.jobs.get(name)


@pytest.mark.parametrize("task", TASKS)
def test_records_come_back_as_the_reader_gave_them(task, sets, tmp_path, cache_dir):
    choice = sets.choose((f"task={task}", "data=digits", *FEW.split()))
    choice.data.cache_dir = str(cache_dir)
    write_index(choice.data, task, tmp_path, lambda *_: None)
    index = Index(tmp_path)
    splits = open_splits(choice.data, task)
    assert index.splits == list(splits)
    row = 0
    for name, split in splits.items():
        assert index.count(name) == len(split)
        for place in range(len(split)):
            record = split[place]
            assert index.record(row)[0] == record
            assert index.place(row) == (name, place)
            assert from_line(to_line(record, record.size_hw))[0] == record
            row += 1
    assert row == len(index)


def test_filters_find_what_a_plain_look_finds(sets, tmp_path, cache_dir):
    choice = sets.choose(("task=detection", "data=digits", *FEW.split()))
    choice.data.cache_dir = str(cache_dir)
    write_index(choice.data, "detection", tmp_path, lambda *_: None)
    index = Index(tmp_path)
    records = [index.record(row)[0] for row in range(len(index))]
    of = index.labels.index_of

    def plain(wanted: Filter) -> list[int]:
        return [
            row
            for row, record in enumerate(records)
            if wanted.split in ("", index.place(row)[0])
            and wanted.text.lower() in record.image.path.name.lower()
            and len(record.annotations) >= wanted.least
            and (wanted.most is None or len(record.annotations) <= wanted.most)
            and (
                not wanted.classes
                or {of[a.source_category] for a in record.annotations} & set(wanted.classes)
            )
        ]

    for wanted in (
        Filter(),
        Filter(split="val"),
        Filter(classes=(3,)),
        Filter(classes=(0, 9), split="train", least=2),
        Filter(text="7.PNG"),
        Filter(text="1", most=2),
        Filter(text="none of these"),
    ):
        assert index.find(wanted).tolist() == plain(wanted), wanted
    faults = np.zeros(len(index), np.int32)
    faults[4] = 1
    assert index.find(Filter(with_faults=True), faults).tolist() == [4]


def test_masks_reach_the_browser_without_loss(sets, tmp_path, cache_dir):
    choice = sets.choose(("task=semantic_segmentation", "data=digits", *FEW.split()))
    choice.data.cache_dir = str(cache_dir)
    write_index(choice.data, "semantic_segmentation", tmp_path, lambda *_: None)
    index = Index(tmp_path)
    record, size = index.record(0)
    picture = np.asarray(mask_picture(record, index.labels, record.mask, None)).astype(int)
    parts = np.asarray(shapes(record, index.labels, size, whole=True)["parts"])
    classes = parts[picture[..., 0] + 256 * picture[..., 1]]
    source = decode_mask(record.mask)
    for label in index.labels.labels:
        assert ((classes == label.index) == (source == label.source_id)).all()


def test_an_inspection_is_kept_until_the_data_change(sets, nasty):
    choice = sets.choose(("task=detection", "data=coco", f"data.root={nasty}"))
    assert sets.index(choice) is None
    done(sets, sets.start("index", choice))
    index = sets.index(choice)
    done(sets, sets.start("inspect", choice))
    found = sets.inspection(choice, index)
    assert found.report["counts"] == {"bbox-partly-outside": 2}
    fault = found.faults(found.find(Wanted(split="val")))[0]
    assert (fault["annotation_id"], fault["field"], fault["row"]) == (0, "bbox", 5)
    assert found.faults_by_row.nonzero()[0].tolist() == [0, 5]
    assert Items(sets, choice, index, found).large(5)["objects"][0]["faults"]
    other = sets.choose(("task=detection", "data=coco", f"data.root={nasty}", "data.policy=repair"))
    assert other.key == choice.key  # a policy changes nothing of what the data are
    file = nasty / "annotations" / "instances_val.json"
    file.write_text(file.read_text() + "\n")
    assert sets.index(choice) is None


def test_paths_stay_in_the_allowed_folders(sets, folder, tmp_path):
    outside = tmp_path / "secret"
    (outside / "train" / "cat").mkdir(parents=True)
    (outside / "val" / "cat").mkdir(parents=True)
    for split in ("train", "val"):
        (outside / split / "cat" / "a.png").write_bytes(b"no picture")
    base = ("task=classification", "data=image_folder")
    with pytest.raises(DataError, match="outside the folders"):
        sets.choose((*base, f"data.root={outside}"))
    root = folder / "links"
    root.mkdir()
    with pytest.raises(DataError, match="outside the folders"):
        sets.choose((*base, f"data.root={root}", f"data.train={outside}/train"))
    with pytest.raises(DataError, match="outside the folders"):
        sets.choose(("data=digits", f"data.cache_dir={outside}"))
    # A folder of a class that is a link out of the data set: listed, never shown.
    (root / "train").mkdir()
    (root / "val" / "cat").mkdir(parents=True)
    (root / "val" / "cat" / "b.png").write_bytes(b"no picture")
    (root / "train" / "cat").symlink_to(outside / "train" / "cat")
    choice = sets.choose((*base, f"data.root={root}"))
    done(sets, sets.start("index", choice))
    index = sets.index(choice)
    with pytest.raises(DataError, match="outside the folders"):
        sets.record(choice.key, index.row("train", 0))


def test_a_worker_ends_when_it_is_cancelled(sets, nasty):
    choice = sets.choose(("task=detection", "data=coco", f"data.root={nasty}"))
    name = sets.start("inspect", choice)
    sets.jobs.cancel(name)
    assert sets.jobs.get(name).state == "cancelled"
    end = time.monotonic() + 20
    while sets.jobs._processes and time.monotonic() < end:
        time.sleep(0.05)
    assert not sets.jobs._processes
