"""A training on several machines of one Spark cluster, by `DeepspeedTorchDistributor`.

Only on Databricks, where pyspark is: this process is the driver, which needs no GPU; the workers
train. Each worker prepares the run's folder on its own disk, see `launch.node.worker`.
"""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from launch.node import worker
from launch.node.layout import NodeSpec
from launch.node.mirror import Subscriber
from launch.node.process import Sink

_log = logging.getLogger(__name__)

_LOOK_S = 1.0


def train_on_all(
    spec: NodeSpec,
    folder: Path,
    attempt: int,
    sink: Sink,
    must_stop: Callable[[], bool],
    distributor: Callable[..., Any] | None = None,
) -> int:
    """Train on all workers; return 0, or 1 if it failed.

    Args:
        spec: of the run.
        folder: the run's folder on this machine; it gets what the first process publishes.
        attempt: its number.
        sink: takes what the workers write.
        must_stop: asked all the time; once it is true the workers save and end.
        distributor: a class like DeepspeedTorchDistributor; None: pyspark's.
    """
    make = distributor or _of_spark()
    shared = worker.shared_folder(spec, attempt)
    shutil.rmtree(shared, ignore_errors=True)
    shared.mkdir(parents=True, exist_ok=True)
    cluster = make(
        numGpus=spec.gpus_per_node or 1, nnodes=spec.num_nodes, localMode=False, useGpu=True
    )
    words = [spec.folder.spec(spec.run.generation), str(attempt)]
    failed: list[BaseException] = []

    def run() -> None:
        try:
            cluster.run(worker.__file__, *words)
        except Exception as error:  # noqa: BLE001 (an edge: Spark raises what it likes)
            failed.append(error)

    subscriber = Subscriber(shared / "spool", folder)
    thread = threading.Thread(target=run, name="distributor", daemon=True)
    try:
        with contextlib.redirect_stdout(_Text(sink)):
            thread.start()
            asked = False
            while thread.is_alive():
                if must_stop() and not asked:
                    asked = True
                    worker.stop_file(shared).write_text("stop\n")
                thread.join(_LOOK_S)
    finally:
        subscriber.close()
        shutil.rmtree(shared, ignore_errors=True)
    if failed:
        sink.note(f"{type(failed[0]).__name__}: {failed[0]}")
    return 1 if failed else 0


def _of_spark() -> Callable[..., Any]:
    from pyspark.ml.deepspeed.deepspeed_distributor import DeepspeedTorchDistributor

    made: Callable[..., Any] = DeepspeedTorchDistributor
    return made


class _Text(io.TextIOBase):
    """Where the distributor prints what the workers write."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, text: str) -> int:
        self._sink.write(text.encode())
        return len(text)
