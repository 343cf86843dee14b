"""A batch inference by Spark: a Volume's folder or a table in, Parquet or a Delta table out.

Only where pyspark is (a Databricks cluster). What Spark does is little; the work is in
`partition.predict_partition`.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from cvcore.batch import rows
from cvcore.batch.inputs import SUFFIXES
from cvcore.batch.job import BatchError, BatchJob
from cvcore.batch.partition import COLUMNS, predict_partition
from cvcore.data.places import localise

TABLE = re.compile(r"[^./\s]+\.[^./\s]+\.[^./\s]+")
"""A table of Unity Catalog: catalog.schema.table."""


def run(spark: Any, job: BatchJob, kind: str, batch_id: str) -> str:
    """Predict; return what was written.

    Args:
        spark: a SparkSession.
        job: what is to be done; `model` is a folder that every machine of the cluster reads.
        kind: the model's task.
        batch_id: of this batch: a Delta table takes its rows once, however often it is tried.
    """
    predict = partial(
        predict_partition,
        model=str(localise(job.model)),
        score_threshold=job.score_threshold,
        masks=job.masks,
        batch_size=job.batch_size,
    )
    answered = source(spark, job).mapInPandas(predict, COLUMNS)
    result = answered.selectExpr(*columns(kind))
    if job.format == "delta":
        once = {"txnAppId": batch_id, "txnVersion": "1", "mergeSchema": "true"}
        writer = result.write.format("delta").mode("append").options(**once)
        writer.saveAsTable(job.out) if TABLE.fullmatch(job.out) else writer.save(job.out)
    else:
        # All or nothing: a retry writes it anew.
        result.write.format("parquet").mode("overwrite").save(job.out)
    return job.out


def source(spark: Any, job: BatchJob) -> Any:
    """Return the images as rows (image, content)."""
    if TABLE.fullmatch(job.source):
        frame = spark.table(job.source)
    elif job.source.endswith(".parquet"):
        frame = spark.read.parquet(job.source)
    elif (localise(job.source) / "_delta_log").is_dir():
        frame = spark.read.format("delta").load(job.source)
    else:
        suffixes = ",".join([*SUFFIXES, *(suffix.upper() for suffix in SUFFIXES)])
        files = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
        frame = files.option("pathGlobFilter", f"*{{{suffixes}}}").load(job.source)
        return frame.selectExpr("path AS image", "content")
    name = job.id_column or "monotonically_increasing_id()"
    return frame.selectExpr(f"CAST({name} AS STRING) AS image", f"{job.image_column} AS content")


def columns(kind: str) -> list[str]:
    """Return the expressions from (image, error, answer) to the columns of `rows.schema`."""
    parsed = f"from_json(answer, '{rows.answer_ddl(kind)}')"
    found = ["image", f"{parsed}.size[0] AS height", f"{parsed}.size[1] AS width", "error"]
    maps = rows.maps(kind)
    for name in rows.schema(kind).names[4:]:
        value = f"{parsed}.{name}"
        found.append(f"unbase64({value}) AS {name}" if name in maps else f"{value} AS {name}")
    return found


def require_remote(job: BatchJob) -> None:
    """Refuse what a cluster can't reach.

    Raises:
        BatchError: a path of this machine, or COCO.
    """
    for key in ("source", "out"):
        value = getattr(job, key)
        if not value.startswith(("/Volumes/", "dbfs:")) and not TABLE.fullmatch(value):
            raise BatchError(
                f"the {key} {value} is of this machine; a cluster can't reach it. Give a folder on a "
                "Volume (/Volumes/<catalog>/<schema>/<volume>/...) or a table (catalog.schema.table)."
            )
    if TABLE.fullmatch(job.out) and job.format != "delta":
        raise BatchError(f"the output {job.out} is a table: give --format delta.")
    if job.format == "coco":
        raise BatchError(
            "on Databricks the output is parquet or delta. For COCO, run the batch here, or write "
            "Parquet and convert it."
        )
