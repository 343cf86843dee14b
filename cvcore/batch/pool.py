"""Runs a batch: worker processes, progress, resume. Torch-free; the workers are not."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from cvcore.batch import inputs as listing
from cvcore.batch.finish import finish, is_finished
from cvcore.batch.job import COCO_KINDS, STATE, BatchError, BatchInterrupted, BatchJob, saved_model
from cvcore.batch.parts import Parts, parts_folder
from cvcore.batch.progress import BatchProgress, Rate, write_progress
from cvcore.batch.spread import Spread, spread
from cvcore.serve import artifact

log = logging.getLogger(__name__)

JOB = "job.json"
LOG = "workers.log"
_AHEAD = 2
_TRIES = 3
_LOOK_S = 0.2
Tell = Callable[[BatchProgress], None]


@dataclass
class _Worker:
    """A worker process and the shards it was told."""

    process: subprocess.Popen[str]
    shards: deque[int] = field(default_factory=deque)


class Pool:
    """One run of a batch, from where the last one ended to the end; `run` is all of it."""

    def __init__(
        self,
        job: BatchJob,
        tell: Tell | None = None,
        must_stop: Callable[[], bool] | None = None,
        say_s: float = 0.5,
    ) -> None:
        """Take a batch.

        Args:
            job: what is to be done.
            tell: is told how far it is.
            must_stop: asked all the time; once it is true the batch is interrupted.
            say_s: how often it is told and written, seconds.
        """
        self.job = job
        self._tell = tell or (lambda _: None)
        self._must_stop = must_stop or (lambda: False)
        self._events: queue.Queue[tuple[_Worker, dict[str, Any] | None]] = queue.Queue()
        self._workers: list[_Worker] = []
        self._todo: deque[int] = deque()
        self._tries: dict[int, int] = {}
        self._rate = Rate()
        self._said_at = 0.0
        self._say_s = say_s
        self.progress = BatchProgress("RUNNING", out=job.out, format=job.format)

    def run(self) -> BatchProgress:
        """Do what is left to do and return how it ended: SUCCEEDED.

        Raises:
            LakesightError: it can't be done.
            BatchInterrupted: it was asked to stop; the same batch goes on later.
        """
        require_format(self.job)
        listing.kind_of(self.job)
        self.job.state.mkdir(parents=True, exist_ok=True)
        with _only_one(self.job):
            _require_same(self.job)
            inputs = listing.freeze(self.job)
            started = time.time()
            self._say(replace(self.progress, total=inputs.num, started_at=started), now=True)
            try:
                self._do(inputs)
                where = self._finish()
            except BaseException as error:
                self._end()
                stopped = isinstance(error, BatchInterrupted | KeyboardInterrupt | SystemExit)
                state = "INTERRUPTED" if stopped else "FAILED"
                self._say(replace(self.progress, state=state, message=str(error)), now=True)
                raise
            message = _summary(self.job, self.progress, where)
            done = replace(self.progress, state="SUCCEEDED", message=message, eta_s=0.0, workers=0)
            self._say(done, now=True)
            return self.progress

    def _do(self, inputs: listing.Inputs) -> None:
        """Predict the shards that have no part."""
        parts = Parts(parts_folder(self.job))
        parts.clean()
        num = inputs.num_shards(self.job.shard_size)
        done = {shard for shard in parts.done() if shard < num}
        images = sum(self._images(shard, inputs) for shard in done)
        bad = _count_bad(parts, done)
        self._say(replace(self.progress, done=images, resumed=images, bad=bad), now=True)
        self._todo.extend(shard for shard in range(num) if shard not in done)
        if not self._todo:
            return
        plan = spread(self.job, len(self._todo))
        for number in range(plan.workers):
            self._start(plan, number, self.job.batch_size)
        self._say(replace(self.progress, workers=plan.workers), now=True)
        while self._todo or any(worker.shards for worker in self._workers):
            if self._must_stop():
                raise BatchInterrupted("the batch was stopped; the same command goes on with it")
            self._hear(plan)
        self._end()

    def _images(self, shard: int, inputs: listing.Inputs) -> int:
        size = self.job.shard_size
        return min(size, inputs.num - shard * size)

    def _start(self, plan: Spread, number: int, batch_size: int) -> None:
        words = [str(self.job.state / JOB), str(plan.threads), str(batch_size)]
        with (self.job.state / LOG).open("ab") as errors:
            process = subprocess.Popen(  # noqa: S603 (our own command line)
                [sys.executable, "-m", "cvcore.batch.worker", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **plan.environment(number)},
                # Ctrl-C is for this process, which ends the others.
                start_new_session=True,
            )
        worker = _Worker(process)
        self._workers.append(worker)
        threading.Thread(target=self._listen, args=(worker,), daemon=True).start()
        self._feed(worker)

    def _listen(self, worker: _Worker) -> None:
        assert worker.process.stdout is not None
        for line in worker.process.stdout:
            try:
                self._events.put((worker, json.loads(line)))
            except ValueError:
                log.warning("a worker said %r", line)
        self._events.put((worker, None))

    def _feed(self, worker: _Worker) -> None:
        assert worker.process.stdin is not None
        while self._todo and len(worker.shards) < _AHEAD:
            shard = self._todo.popleft()
            worker.shards.append(shard)
            try:
                worker.process.stdin.write(f"{shard}\n")
                worker.process.stdin.flush()
            except OSError:
                return  # it has ended; its listener says so

    def _hear(self, plan: Spread) -> None:
        try:
            worker, event = self._events.get(timeout=_LOOK_S)
        except queue.Empty:
            self._say(self.progress)
            return
        if event is None:
            self._replace(worker, plan)
        elif "refused" in event:
            raise BatchError(event["refused"])
        elif "shard" in event:
            worker.shards.remove(event["shard"])
            now = self.progress
            now = replace(now, done=now.done + event["images"], bad=now.bad + event["bad"])
            self._rate.add(now.done - now.resumed)
            self._say(now)
            self._feed(worker)

    def _replace(self, worker: _Worker, plan: Spread) -> None:
        """Start another worker for one that died; what it had begun is tried in smaller batches."""
        if worker not in self._workers:
            return
        self._workers.remove(worker)
        code = worker.process.wait()
        if not worker.shards:
            if self._todo:
                raise BatchError(f"a worker ended with exit code {code}: {self._last_words()}")
            return
        shard = worker.shards[0]
        self._tries[shard] = self._tries.get(shard, 0) + 1
        if self._tries[shard] >= _TRIES:
            first = shard * self.job.shard_size
            raise BatchError(
                f"the images {first} to {first + self.job.shard_size - 1} of the source ended "
                f"{_TRIES} worker processes, last with exit code {code}: {self._last_words()} All "
                f"others are kept. Try a smaller batch size or fewer workers; the log is "
                f"{self.job.state / LOG}."
            )
        smaller = max(self.job.batch_size >> (2 * self._tries[shard]), 1)
        log.warning("a worker ended with exit code %s; another one takes over", code)
        self._todo.extendleft(reversed(worker.shards))
        self._start(plan, len(self._workers), smaller)

    def _finish(self) -> str:
        if self.job.format != "parquet" and not is_finished(self.job):
            self._say(replace(self.progress, message="the output is being put together"), now=True)
        return finish(self.job)

    def _end(self) -> None:
        for worker in self._workers:
            assert worker.process.stdin is not None
            try:
                worker.process.stdin.close()
                worker.process.wait(5)
            except (OSError, subprocess.TimeoutExpired):
                worker.process.kill()
                worker.process.wait()
        self._workers = []

    def _last_words(self) -> str:
        lines = (self.job.state / LOG).read_text(errors="replace")[-4000:].splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing.")

    def _say(self, progress: BatchProgress, *, now: bool = False) -> None:
        """Take how far it is, and tell it now and then."""
        rate = self._rate.per_s
        left = progress.total - progress.done
        eta = left / rate if rate > 0 and left else progress.eta_s
        self.progress = replace(progress, per_s=rate, eta_s=eta, updated_at=time.time())
        if now or time.monotonic() >= self._said_at + self._say_s:
            self._said_at = time.monotonic()
            write_progress(self.job.state, self.progress)
            self._tell(self.progress)


def require_format(job: BatchJob) -> None:
    """Refuse an output that the model's answers can't be written as.

    Raises:
        LakesightError: it is one, or there is no model.
    """
    kind = artifact.read(saved_model(job.model)).task.kind
    if job.format == "coco" and kind not in COCO_KINDS:
        raise BatchError(
            f"COCO holds objects, and this model does {kind}. Choose parquet or delta, or a model "
            f"of {' or '.join(COCO_KINDS)}."
        )


def _require_same(job: BatchJob) -> None:
    """Refuse to mix two batches in one output; a Delta table takes many.

    Raises:
        BatchError: the output is of another batch; says what differs.
    """
    file = job.state / JOB
    mine = {"id": job.id, "what": job.what(), **job.to_dict()}
    try:
        there = json.loads(file.read_text())
    except FileNotFoundError:
        strange = [p.name for p in job.folder.iterdir() if p.name != STATE]
        if strange and job.format != "delta":
            raise BatchError(
                f"the output {job.out} holds {strange[0]!r} already, which is of no batch. Give a new "
                "or empty folder."
            ) from None
        _write(file, mine)
        return
    if there["id"] == job.id:
        _write(file, mine)
        return
    if job.format == "delta" and there["format"] == "delta" and is_finished(job):
        shutil.rmtree(job.state / "parts", ignore_errors=True)
        for old in (listing.FILE, listing.NAMES, "finished"):
            (job.state / old).unlink(missing_ok=True)
        _write(file, mine)
        return
    differs = [
        f"{key} was {there['what'].get(key)}, now {value}"
        for key, value in job.what().items()
        if there["what"].get(key) != value
    ]
    raise BatchError(
        f"the output {job.out} is of another batch: {'; '.join(differs)}. Give another output, or "
        "the same settings to go on with it."
    )


def _write(file: Path, values: dict[str, Any]) -> None:
    part = file.with_suffix(".part")
    part.write_text(json.dumps(values, indent=1))
    part.replace(file)


class _only_one:  # noqa: N801 (a context manager, used like a function)
    """Hold an output: a second process is refused."""

    def __init__(self, job: BatchJob) -> None:
        self._job = job
        self._file: IO[bytes] | None = None

    def __enter__(self) -> None:
        self._file = (self._job.state / "lock").open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise BatchError(
                f"another process is at work on {self._job.out}. Wait for it, or give another output."
            ) from None
        except OSError:
            pass  # a file system without locks (a Volume)

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def _count_bad(parts: Parts, done: set[int]) -> int:
    import pyarrow.parquet as pq

    bad = 0
    for shard in done:
        column = pq.read_table(parts.path(shard), columns=["error"])["error"]
        bad += len(column) - column.null_count
    return bad


def _summary(job: BatchJob, progress: BatchProgress, where: str) -> str:
    new = listing.num_new(job, listing.freeze(job))
    more = (
        f"; {new:,} images are new since it was listed: give another output for them" if new else ""
    )
    bad = f", {progress.bad:,} could not be read" if progress.bad else ""
    return f"{progress.done:,} images: {where}{bad}{more}"
