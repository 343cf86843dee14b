"""`python -m cvcore.batch.worker <job.json> <threads> <batch size>`: predicts the shards it is told.

Shard numbers come on standard input, one per line; a line of JSON per finished shard goes out. The
end of the input ends it at once: who asked is done, or gone. Parts are only renamed into place.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import torch
from transformers.utils import logging as hf_logging

from cvcore.batch import inputs as listing
from cvcore.batch import rows
from cvcore.batch.feeder import Feeder, Ready
from cvcore.batch.job import BatchJob, saved_model
from cvcore.batch.parts import Parts, parts_folder
from cvcore.errors import LakesightError
from cvcore.serve.predictor import Predictor

_BATCHES_AHEAD = 2
_GPU_THREADS = 8


def work(job: BatchJob, threads: int, batch_size: int, out: IO[str]) -> None:
    """Predict for ever.

    Args:
        job: what is to be done.
        threads: of the processor that this process may use.
        batch_size: images that go through the model at once.
        out: takes a line of JSON per finished shard.
    """
    torch.set_num_threads(threads)
    hf_logging.disable_progress_bar()
    inputs = listing.freeze(job)
    predictor = Predictor.load(saved_model(job.model))
    kind, parts = predictor.artifact.task.kind, Parts(parts_folder(job))
    decoders = threads if predictor.device.type == "cpu" else _GPU_THREADS
    feeder = Feeder(
        _told(),
        lambda shard: listing.items(job, inputs, shard),
        predictor.fit,
        ThreadPoolExecutor(decoders),
        _BATCHES_AHEAD * batch_size,
    )
    say(out, {"ready": str(predictor.device)})
    found: list[dict[str, Any]] = []
    batch: list[Ready] = []
    for ready in feeder:
        batch.append(ready)
        if len(batch) == batch_size or ready.is_last:
            found += _answers(predictor, job, batch)
            batch = []
        if ready.is_last:
            parts.write(ready.shard, rows.table(kind, found))
            bad = sum("error" in row for row in found)
            say(out, {"shard": ready.shard, "images": len(found), "bad": bad})
            found = []


def _answers(predictor: Predictor, job: BatchJob, batch: list[Ready]) -> list[dict[str, Any]]:
    """Return the rows of a batch, in its order."""
    readable = [one for one in batch if one.fitted is not None]
    predictions = iter(
        predictor.predict_fitted(
            [one.fitted for one in readable], predictor.lowest(job.score_threshold)
        )
    )
    result = []
    for one in batch:
        if one.fitted is None:
            result.append(rows.row(one.name, None, one.error))
            continue
        size_hw = one.fitted[1].size_hw
        answer = predictor.answer(next(predictions), size_hw, job.score_threshold, job.masks)
        result.append(rows.row(one.name, answer))
    return result


def say(out: IO[str], values: dict[str, Any]) -> None:
    """Write a line."""
    out.write(json.dumps(values) + "\n")
    out.flush()


def _told() -> queue.Queue[int]:
    """Return the queue that the lines of the input go to."""
    shards: queue.Queue[int] = queue.Queue()

    def listen() -> None:
        for line in sys.stdin:
            shards.put(int(line))
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    return shards


def main(words: list[str]) -> None:
    """Work; what libraries print goes to the log."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        job = BatchJob.from_dict(json.loads(Path(words[0]).read_text()))
        work(job, int(words[1]), int(words[2]), out)
    except LakesightError as error:
        say(out, {"refused": str(error)})
        os._exit(error.exit_code)


if __name__ == "__main__":
    main(sys.argv[1:])
