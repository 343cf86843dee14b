"""From parts to what was asked for: a Delta table's commit, a COCO file. Once, whatever is killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cvcore.batch.job import BatchError, BatchJob, saved_model
from cvcore.batch.parts import Parts, parts_folder
from cvcore.data import masks
from cvcore.serve import artifact

COCO_FILE = "predictions.json"
ERRORS_FILE = "errors.jsonl"
_DONE = "finished"


def finish(job: BatchJob) -> str:
    """Make the output of the parts; return what it is. A second call does nothing.

    Raises:
        BatchError: the table that is there has other columns.
    """
    done = job.state / _DONE
    _write_errors(job)
    if job.format == "delta" and not done.exists():
        _commit(job)
    if job.format == "coco" and not done.exists():
        _write_coco(job)
    done.touch()
    return str(job.folder / COCO_FILE if job.format == "coco" else job.folder)


def is_finished(job: BatchJob) -> bool:
    """Whether `finish` came to its end."""
    return (job.state / _DONE).exists()


def batches(job: BatchJob, columns: list[str] | None = None) -> Iterator[Any]:
    """Yield the record batches of all parts, in order."""
    import pyarrow.parquet as pq

    for path in Parts(parts_folder(job)).files():
        yield from pq.ParquetFile(path).iter_batches(columns=columns)


def _write_errors(job: BatchJob) -> None:
    """List the images that could not be read, for a person to look at."""
    part = job.state / f"{ERRORS_FILE}.part"
    with part.open("w", encoding="utf-8") as file:
        for batch in batches(job, ["image", "error"]):
            for row in batch.to_pylist():
                if row["error"]:
                    file.write(json.dumps(row) + "\n")
    part.replace(job.state / ERRORS_FILE)


def _commit(job: BatchJob) -> None:
    """Append all rows in one commit, which carries the batch's id: it is made once."""
    import pyarrow as pa
    from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
    from deltalake.exceptions import DeltaError

    from cvcore.batch.rows import schema

    if DeltaTable.is_deltatable(str(job.folder)):
        table = DeltaTable(str(job.folder))
        if table.transaction_version(job.id) is not None:
            return
    kind = artifact.read(saved_model(job.model)).task.kind
    reader = pa.RecordBatchReader.from_batches(schema(kind), batches(job))
    once = CommitProperties(app_transactions=[Transaction(job.id, 1)])
    try:
        write_deltalake(str(job.folder), reader, mode="append", commit_properties=once)
    except (DeltaError, pa.ArrowInvalid) as error:
        raise BatchError(
            f"the rows can't be appended to the Delta table {job.out} ({error}). They are kept; give "
            "another output, or a table with the same columns."
        ) from error


def _write_coco(job: BatchJob) -> None:
    """Write images, categories and annotations with scores, as labelling tools read them."""
    described = artifact.read(saved_model(job.model))
    ids = {name: number for number, name in enumerate(described.labels.names, 1)}
    categories = [{"id": number, "name": name} for name, number in ids.items()]
    file = job.folder / COCO_FILE
    part = file.with_suffix(".part")
    with part.open("w", encoding="utf-8") as out:
        out.write(f'{{"categories": {json.dumps(categories)},\n"images": [')
        for number, row in enumerate(_rows(job)):
            image = {"id": number + 1, "file_name": row["image"]}
            image |= {"height": row["height"], "width": row["width"]}
            out.write((",\n" if number else "\n") + json.dumps(image))
        out.write('],\n"annotations": [')
        count = 0
        for number, row in enumerate(_rows(job)):
            for item in row["objects"] or []:
                count += 1
                found = _annotation(item, count, number + 1, ids)
                out.write((",\n" if count > 1 else "\n") + json.dumps(found))
        out.write("]}\n")
    part.replace(file)


def _rows(job: BatchJob) -> Iterator[dict[str, Any]]:
    """Yield the rows of the images that were read."""
    for batch in batches(job):
        yield from (row for row in batch.to_pylist() if not row["error"])


def _annotation(
    item: dict[str, Any], number: int, image_id: int, ids: dict[str, int]
) -> dict[str, Any]:
    x1, y1, x2, y2 = item["box"]
    width, height = x2 - x1, y2 - y1
    found = {
        "id": number,
        "image_id": image_id,
        "category_id": ids[item["label"]],
        "bbox": [x1, y1, round(width, 2), round(height, 2)],
        "area": round(width * height, 2),
        "iscrowd": 0,
        "score": item["score"],
    }
    if item.get("mask"):
        found["segmentation"] = item["mask"]
        found["area"] = masks.area(item["mask"])
    elif item.get("polygons"):
        found["segmentation"] = item["polygons"]
    return found
