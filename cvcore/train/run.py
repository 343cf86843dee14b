"""`train`: one training, here or in one process per device, with its entry in MLflow."""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from transformers.utils import logging as hf_logging

from cvcore.config.schema import Config
from cvcore.data.places import localise
from cvcore.errors import ConfigError, LakesightError, TrainingError, TrainingInterrupted
from cvcore.metrics import mlflow_run, server
from cvcore.metrics.spool import FOLDER
from cvcore.metrics.tracker import finite
from cvcore.train import arguments, distributed, frozen, launch
from cvcore.train.batch_size import is_out_of_memory
from cvcore.train.frozen import write_overrides
from cvcore.train.ledger import Ledger, record_failure
from cvcore.train.logs import FILE_ONLY, logging_to
from cvcore.train.signals import StopRequest
from cvcore.train.story import Story

log = logging.getLogger(__name__)

RESULT = "result.json"


@dataclass(frozen=True)
class RunResult:
    """What a training came to.

    Attributes:
        run_id: of MLflow.
        run_dir: the run's folder; `best/` holds the model.
        best_metric: the task's metric of the best model on the validation split; None: undefined.
        metrics: figures of the final evaluation, e.g. {"best/AP": 0.41, "test/AP": 0.40}; one that is
            undefined (AP without any object) is left out.
        status: FINISHED, or KILLED if a signal stopped it (then the newest checkpoint is whole).
        stopped_by: steps, early_stopping, time_budget or signal.
        step: optimizer steps done.
    """

    run_id: str
    run_dir: str
    best_metric: float | None
    metrics: dict[str, float]
    status: str
    stopped_by: str
    step: int


def train(config: Config, overrides: Sequence[str] = (), story: type[Story] = Story) -> RunResult:
    """Train, evaluate the best model, log it; on several devices in one process each.

    Args:
        config: the whole, checked configuration.
        overrides: what it was composed from; kept with the run.
        story: how it is told; another one is for one process only.

    Returns:
        What came of it; it is `result.json` in the run's folder too.

    Raises:
        LakesightError: the configuration, the data or the model can't be used, or the training had
            to stop; the message says why and what to do.
        SystemExit: 143, after SIGTERM: the state is saved.
        KeyboardInterrupt: after Ctrl-C: the state is saved.

    Example:
        >>> from cvcore.config.composer import load
        >>> train(load(["task=detection", "trainer.max_steps=100"])).metrics  # doctest: +SKIP
    """
    try:
        arguments.check(config)
        run_dir = _run_dir(config)
        count = 1 if launch.is_distributed() else launch.num_processes(config)
    except LakesightError as error:
        if config.run.id is not None and distributed.rank() == 0:
            record_failure(config, None, str(error))
        raise
    if count > 1:
        return _in_processes(config, overrides, run_dir, count)
    with (
        _process_environment(config),
        logging_to(run_dir, distributed.rank()),
        StopRequest() as request,
    ):
        result = _recorded(config, overrides, run_dir, request, story)
        request.stop()
    return result


def _run_dir(config: Config) -> Path:
    """Return the run's folder, created."""
    if config.run.dir is None and launch.is_distributed():
        raise ConfigError(
            "run.dir must be given when several processes are started by hand, so that all of them "
            "have the same folder."
        )
    title = f"{time.strftime('%Y%m%d-%H%M%S')}-{config.task.kind}"
    run_dir = localise(config.run.dir or f"runs/{title}").absolute()
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"run.dir={run_dir} can't be created: {error.strerror}. Give a folder that can be "
            "written."
        ) from error
    config.run.dir = str(run_dir)
    return run_dir


def _in_processes(config: Config, overrides: Sequence[str], run_dir: Path, count: int) -> RunResult:
    """Train in `count` processes of this machine, one per device."""
    frozen.save(config, run_dir / "config.yaml")
    write_overrides(run_dir, overrides)
    (run_dir / RESULT).unlink(missing_ok=True)
    try:
        code = launch.launch(run_dir / "config.yaml", count)
    except LakesightError as error:
        # The first process may be the one that was killed.
        record_failure(config, run_dir, str(error))
        raise
    if code == 130:
        raise KeyboardInterrupt
    if code != 0 or not (run_dir / RESULT).is_file():
        raise SystemExit(code or 1)
    return RunResult(**json.loads((run_dir / RESULT).read_text()))


@contextmanager
def _process_environment(config: Config) -> Iterator[None]:
    """Set what torch, accelerate and DeepSpeed read from the environment; put it back after."""
    values = {key: v for key, v in server.ENVIRONMENT.items() if key not in os.environ}
    if arguments.uses_cpu(config):
        values["DS_ACCELERATOR"] = "cpu"  # else it warns, even where it is only imported
    if config.deepspeed.config is not None and not launch.is_distributed():
        # DeepSpeed wants to be one of several processes, if only of one.
        values |= {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}
        values |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(distributed.free_port())}
    former = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    if config.deepspeed.config is not None and arguments.uses_cpu(config):
        _compile_nothing()
    # DeepSpeed calls what torch is about to rename: a warning at every step.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"torch\.distributed")
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    try:
        yield
    finally:
        for key, value in former.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


def _compile_nothing() -> None:
    """Keep DeepSpeed from compiling its messages over shared memory; gloo sends them as well.

    Half a minute with a compiler, impossible without one, and a process that is killed meanwhile leaves a
    lock file for which every later training on the machine would wait forever.
    """
    from deepspeed import ops

    ops.__compatible_ops__["deepspeed_shm_comm"] = False


def _recorded(
    config: Config,
    overrides: Sequence[str],
    run_dir: Path,
    request: StopRequest,
    story: type[Story],
) -> RunResult:
    """Train with an entry in MLflow that says how it ended, whatever happens."""
    first = distributed.rank() == 0
    if first:
        # In the folder before anything can fail.
        frozen.save(config, run_dir / "config.yaml")
        write_overrides(run_dir, overrides)
    ledger = _ledger(config, run_dir) if first else None
    status, reason = "FAILED", ""
    try:
        outcome = story(config, run_dir, ledger, request).tell()
        status = "KILLED" if outcome.stopped_by == "signal" else "FINISHED"
        reason = outcome.stopped_by
    except (KeyboardInterrupt, SystemExit):
        status, reason = "KILLED", "signal"
        raise
    except LakesightError as error:
        reason = str(error)
        log.info("the training stopped", exc_info=True, extra=FILE_ONLY)
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        log.info("the training stopped", exc_info=True, extra=FILE_ONLY)
        raise _sentence(config, run_dir, error) from error
    finally:
        if ledger is not None:
            ledger.close(status, reason)
    run_id = ledger.run_id if ledger is not None else ""
    best = outcome.best_metric
    result = RunResult(
        run_id=run_id,
        run_dir=str(run_dir),
        best_metric=best if best is not None and math.isfinite(best) else None,
        metrics=finite(outcome.metrics),
        status=status,
        stopped_by=outcome.stopped_by,
        step=outcome.step,
    )
    if first:
        (run_dir / RESULT).write_text(json.dumps(asdict(result), indent=1, allow_nan=False))
    return result


def _ledger(config: Config, run_dir: Path) -> Ledger:
    """Open the run's entry: on another machine it is the one that the durable place knows."""
    here = run_dir / mlflow_run.FILE
    durable = None if config.run.durable_dir is None else localise(config.run.durable_dir)
    known = None if durable is None else mlflow_run.identity_of(durable)
    # A server that is not this machine's may be a file of the machine that is gone.
    if known is not None and known.uri == mlflow_run.tracking_uri(config) and not here.exists():
        mlflow_run.remember(run_dir, known)
        _take_spool(durable, run_dir)
    ledger = Ledger(config, run_dir)
    if durable is not None:
        try:
            durable.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(here, durable / here.name)
        except OSError as error:
            log.warning("%s could not be copied to %s (%s)", here.name, durable, error.strerror)
    return ledger


def _take_spool(durable: Path | None, run_dir: Path) -> None:
    """Copy the points that the lost machine may not have delivered."""
    entries = Path(FOLDER) / "entries.jsonl"
    if durable is not None and (durable / entries).is_file():
        (run_dir / FOLDER).mkdir(exist_ok=True)
        shutil.copyfile(durable / entries, run_dir / entries)


def _sentence(config: Config, run_dir: Path, error: Exception) -> TrainingError:
    conf = config.trainer
    if is_out_of_memory(error):
        return TrainingError(
            "the device ran out of memory. Start the same command again with a smaller "
            f"trainer.per_device_train_batch_size (now {conf.per_device_train_batch_size}) and as "
            "many times more trainer.gradient_accumulation_steps (now "
            f"{conf.gradient_accumulation_steps}); it goes on from the newest checkpoint."
        )
    said = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    return TrainingInterrupted(
        f"the training stopped by an unexpected error ({said}). The traceback is in "
        f"{run_dir / 'log.txt'}."
    )
