"""Delta tables and Hugging Face data sets: lazily read, through worker processes too."""

from __future__ import annotations

import io
import json
import pickle

import numpy as np
import pytest
from PIL import Image

from cvcore.config.schema import HfDatasetConf, TableConf
from cvcore.data import masks as mask_codes
from cvcore.data.build import build_sample
from cvcore.data.images import decode
from cvcore.data.labels import LabelSpace
from cvcore.data.readers import open_splits
from cvcore.errors import DataError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def png(value=100, size=(24, 32)):
    buffer = io.BytesIO()
    Image.fromarray(np.full(size, value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


OBJECTS = [
    {"bbox": [1.0, 2.0, 3.0, 4.0], "category": 5, "area": 11.0, "iscrowd": 0},
    {"bbox": [5.0, 6.0, 7.0, 8.0], "category": 9, "area": None, "iscrowd": 1},
]
COLUMNS = {
    "image": [png(10 * i) for i in range(6)],
    "label": ["cat", "dog", "cat", "emu", "dog", "cat"],
    "objects": [OBJECTS, [], OBJECTS[:1], None, [], OBJECTS],
    "mask": [png(i % 3) for i in range(6)],
    "weather": ["sun", "rain"] * 3,
    "height": [24] * 6,
    "width": [32] * 6,
}


def conf_of(files, kind=TableConf, **options):
    options = {"cache_dir": str(files.root.parent / "cache"), **options}
    return kind(root=str(files.root), **options)


@pytest.fixture
def delta(files):
    deltalake = pytest.importorskip("deltalake")
    for name in ("train", "val"):
        deltalake.write_deltalake(str(files.root / name), pa.table(COLUMNS))
    return conf_of(files)


def samples(conf, kind, name="train"):
    splits = open_splits(conf, kind)
    labels = LabelSpace.over(s.categories for s in splits.values())
    split = splits[name]
    return labels, [build_sample(r, labels, kind, decode(r.image)) for r in split]


def check_classification(conf):
    labels, found = samples(conf, "classification")
    assert labels.names == ["cat", "dog", "emu"]
    assert [s.target.class_index for s in found] == [0, 1, 0, 2, 1, 0]
    assert [int(s.image_HW3[0, 0, 0]) for s in found] == [0, 10, 20, 30, 40, 50]
    assert found[1].metadata["weather"] == "rain"


def check_detection(conf):
    labels, found = samples(conf, "detection")
    target = found[0].target
    assert target.boxes_N4.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert target.areas_N.tolist() == [11, 56]
    assert target.iscrowd_N.tolist() == [False, True]
    assert [len(s.target.labels_N) for s in found] == [2, 0, 1, 0, 0, 2]
    return labels


def test_delta_classification(delta):
    check_classification(delta)


def test_delta_detection(delta):
    assert [x.source_id for x in check_detection(delta).labels] == [5, 9]


def test_delta_semantic(delta):
    labels, found = samples(delta, "semantic_segmentation")
    assert labels.names == ["0", "1", "2"]
    assert [int(s.target.semantic_HW[0, 0]) for s in found] == [0, 1, 2, 0, 1, 2]


def test_delta_classes_from_a_file(delta, files):
    files.json("classes.json", {"5": "car", "9": "bus"})
    delta.classes = "classes.json"
    assert check_detection(delta).names == ["car", "bus"]


def test_rows_are_read_in_any_order_and_after_pickling(delta):
    split = open_splits(delta, "classification")["train"]
    content = pickle.dumps(split)
    assert len(content) < 5000
    copy = pickle.loads(content)
    assert copy[5].image.data == COLUMNS["image"][5]
    assert copy[-1].image_id == 5
    with pytest.raises(IndexError):
        copy[6]


def test_a_new_version_of_a_table_is_seen(delta, files):
    import deltalake

    assert len(open_splits(delta, "classification")["train"]) == 6
    deltalake.write_deltalake(str(files.root / "train"), pa.table(COLUMNS), mode="append")
    assert len(open_splits(delta, "classification")["train"]) == 12
    deltalake.DeltaTable(str(files.root / "train")).delete("label = 'cat'")
    labels = {r.source_category for r in open_splits(delta, "classification")["train"]}
    assert labels == {"dog", "emu"}


def test_a_partitioned_table(files):
    deltalake = pytest.importorskip("deltalake")
    for name in ("train", "val"):
        table = pa.table({k: COLUMNS[k] for k in ("image", "label")})
        deltalake.write_deltalake(str(files.root / name), table, partition_by=["label"])
    labels, found = samples(conf_of(files), "classification")
    by_pixel = {int(s.image_HW3[0, 0, 0]): labels.names[s.target.class_index] for s in found}
    assert by_pixel == {0: "cat", 10: "dog", 20: "cat", 30: "emu", 40: "dog", 50: "cat"}


def test_a_path_column(files):
    deltalake = pytest.importorskip("deltalake")
    for i in range(2):
        files.write(f"images/{i}.png", png(i))
    paths = ["images/0.png", f"file:{files.root}/images/1.png"]
    table = pa.table({"path": paths, "label": [1, 2], "key": ["a", "b"]})
    for name in ("train", "val"):
        deltalake.write_deltalake(str(files.root / name), table)
    conf = conf_of(files, image_column="path", id_column="key")
    _, found = samples(conf, "classification")
    assert [s.image_id for s in found] == ["a", "b"]
    assert [int(s.image_HW3[0, 0, 0]) for s in found] == [0, 1]


def test_a_path_may_not_leave_the_data_set(files):
    deltalake = pytest.importorskip("deltalake")
    for name in ("train", "val"):
        table = pa.table({"image": ["../../etc/passwd"], "label": [1]})
        deltalake.write_deltalake(str(files.root / name), table)
    with pytest.raises(DataError, match="leads outside the data set"):
        open_splits(conf_of(files), "classification")["train"][0]


def test_errors_name_table_and_row(delta, files):
    import deltalake

    table = pa.table({"image": [b"junk", None], "label": ["a", "b"]})
    deltalake.write_deltalake(
        str(files.root / "train"), table, mode="overwrite", schema_mode="overwrite"
    )
    split = open_splits(delta, "classification")["train"]
    with pytest.raises(DataError, match=r"image .*train, row 0 is not an image"):
        decode(split[0].image)
    with pytest.raises(DataError, match=r"train, row 1: column 'image' holds None"):
        split[1]


def test_a_missing_column_names_the_nearest(delta):
    delta.label_column = "lable"
    with pytest.raises(DataError, match=r"no column 'lable'; .*label_column.*Did you mean 'label'"):
        open_splits(delta, "classification")


def test_a_folder_that_is_no_delta_table(files):
    pytest.importorskip("deltalake")
    files.write("train/x.parquet", b"")
    files.write("val/x.parquet", b"")
    with pytest.raises(DataError, match=r"can't be read as a Delta table.*data=hf_dataset"):
        open_splits(conf_of(files), "classification")


def write_parquet(files, columns=COLUMNS, features=None, layout="{}/0.parquet"):
    table = pa.table(columns)
    if features:
        meta = {"huggingface": json.dumps({"info": {"features": features}})}
        table = table.replace_schema_metadata(meta)
    for name in ("train", "val"):
        path = files.root / layout.format(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, row_group_size=2)
    return conf_of(files, HfDatasetConf)


@pytest.mark.parametrize("layout", ["{}/0.parquet", "data/{}-00000-of-00001.parquet"])
def test_parquet(files, layout):
    conf = write_parquet(files, layout=layout)
    check_classification(conf)
    check_detection(conf)


def test_parquet_by_pattern_and_by_file(files):
    write_parquet(files, layout="x/{}.parquet")
    check_classification(conf_of(files, HfDatasetConf, train="x/tr*.parquet", val="x/val.parquet"))


def test_class_names_of_the_schema(files):
    names = {"_type": "ClassLabel", "names": ["cat", "dog"]}
    image = [{"bytes": png(i), "path": f"{i}.png"} for i in range(2)]
    objects = [
        {"bbox": [[1.0, 2.0, 3.0, 4.0]], "category": [1], "id": [77]},
        {"bbox": [], "category": [], "id": []},
    ]
    columns = {"image": image, "label": [1, 0], "objects": objects}
    features = {
        "image": {"_type": "Image"},
        "label": names,
        "objects": {"feature": {"bbox": {}, "category": names}, "_type": "Sequence"},
    }
    conf = write_parquet(files, columns, features)
    labels, found = samples(conf, "classification")
    assert labels.names == ["cat", "dog"]
    assert [s.target.class_index for s in found] == [1, 0]
    assert found[0].source.endswith("row 0 (0.png)")
    labels, found = samples(conf, "detection")
    assert labels.names == ["cat", "dog"]
    assert found[0].target.annotation_ids == (77,)
    assert len(found[1].target.labels_N) == 0


def test_instances_of_a_table(files):
    square = [[2.0, 3.0, 12.0, 3.0, 12.0, 13.0, 2.0, 13.0]]
    objects = [[{"bbox": [2.0, 3.0, 10.0, 10.0], "category": 1, "segmentation": square}]]
    conf = write_parquet(files, {"image": [png()], "objects": objects})
    _, (sample,) = samples(conf, "instance_segmentation")
    assert mask_codes.area(sample.target.masks[0]) == 100


def test_objects_without_category(files):
    conf = write_parquet(files, {"image": [png()], "objects": [[{"bbox": [1.0, 1.0, 2.0, 2.0]}]]})
    with pytest.raises(DataError, match="objects have bbox, but no category"):
        open_splits(conf, "detection")


def test_a_changed_parquet_file_is_read_again(files):
    conf = write_parquet(files)
    assert len(open_splits(conf, "classification")["train"]) == 6
    write_parquet(files, {k: v[:3] for k, v in COLUMNS.items()})
    assert len(open_splits(conf, "classification")["train"]) == 3


def test_damaged_parquet(files):
    files.write("train/x.parquet", b"PAR1 but no more")
    files.write("val/x.parquet", b"PAR1")
    with pytest.raises(DataError, match="can't be read as Parquet"):
        open_splits(conf_of(files, HfDatasetConf), "classification")


@pytest.mark.slow
def test_saved_data_set(files):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "label": datasets.ClassLabel(names=["cat", "dog", "emu"]),
            "objects": datasets.List(
                {
                    "bbox": datasets.List(datasets.Value("float32")),
                    "category": datasets.ClassLabel(names=["car", "bus"]),
                }
            ),
        }
    )
    rows = {
        "image": [{"bytes": png(i), "path": None} for i in range(4)],
        "label": [2, 1, 0, 1],
        "objects": [[{"bbox": [1, 2, 3, 4], "category": 1}], [], [], []],
    }
    whole = datasets.Dataset.from_dict(rows, features=features)
    datasets.DatasetDict({"train": whole.select([3, 0]), "val": whole}).save_to_disk(files.root)
    conf = conf_of(files, HfDatasetConf)
    labels, found = samples(conf, "classification")
    assert labels.names == ["cat", "dog", "emu"]
    assert [s.target.class_index for s in found] == [1, 2]  # the selection's order
    assert [int(s.image_HW3[0, 0, 0]) for s in found] == [3, 0]
    labels, found = samples(conf, "detection", "val")
    assert labels.names == ["car", "bus"]
    assert found[0].target.boxes_N4.tolist() == [[1, 2, 3, 4]]
    split = pickle.loads(pickle.dumps(open_splits(conf, "classification")["train"]))
    assert split[1].source_category == 2
