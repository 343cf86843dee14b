"""Batch inference: a folder or table of images in, Parquet, Delta or COCO out.

    job        what is to be done
    inputs     the images, listed once and then fixed
    rows       an answer as a row, and the schema of a task's rows
    parts      the output's parts: each is whole or not there
    pool       worker processes, progress, resume; torch-free
    worker     one process: decodes, predicts, writes parts
    finish     from parts to Delta and COCO
    partition  the same on a partition of a Spark job; spark: the job

Exactly once: the images are cut into shards, a shard is one part, a part is renamed into place when
it is whole. Whatever is killed, the next start does the shards that have no part.
"""
