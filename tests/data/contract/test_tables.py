"""Faults that only a table can have."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from cvcore.config.schema import HfDatasetConf
from cvcore.data.contract import apply, check
from cvcore.data.readers import open_splits


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (16, 12), value).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def table(tmp_path):
    """Write train and val of the same classes; `rows` are the training rows to begin with."""

    def write(rows):
        whole = [{"id": i, "image": png(i), "label": "cat"} for i in range(90, 93)]
        (tmp_path / "classes.json").write_text("{}")
        for name, content in (("train", [*rows, *whole]), ("val", whole)):
            pq.write_table(pa.Table.from_pylist(content), tmp_path / f"{name}-0.parquet")
        cache = str(tmp_path / "cache")
        return HfDatasetConf(root=str(tmp_path), id_column="id", cache_dir=cache)

    return write


@pytest.mark.parametrize(
    ("row", "rule", "value"),
    [
        ({"id": 1, "image": png(1), "label": None}, "class-missing", None),
        ({"id": 90, "image": png(1), "label": "cat"}, "image-id-duplicate", ...),
        ({"id": 1, "image": None, "label": "cat"}, "record-unreadable", ...),
        ({"id": 1, "image": b"", "label": "cat"}, "image-empty", "0 bytes"),
    ],
)
def test_a_broken_row_is_found_and_left_out(table, row, rule, value):
    conf = table([row])
    splits = open_splits(conf, "classification")
    report = check(splits, "classification", conf)
    assert report.counts() == {rule: 1}
    if value is not ...:
        assert report.faults[0].value == value
    conf.policy = "drop"
    treated = apply(splits, "classification", conf)
    assert len(treated["train"]) == 3
    assert check(treated, "classification", conf).ok


def test_a_class_that_is_not_declared(table, tmp_path):
    conf = table([{"id": 1, "image": png(1), "label": "cat"}])
    splits = open_splits(conf, "classification")
    for split in splits.values():
        object.__setattr__(split, "categories", split.categories[:0])
    report = check(splits, "classification", conf)
    assert report.counts()["class-unknown"] == 7
