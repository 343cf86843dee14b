"""The story of a training, from its configuration to an evaluated, logged model."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from transformers import TrainerCallback, set_seed

from cvcore.config.schema import Config
from cvcore.data.dataset import VisionDataset
from cvcore.data.places import localise
from cvcore.data.prepare import Prepared, prepare
from cvcore.data.transforms import fit_transform, train_transform
from cvcore.serve import artifact
from cvcore.tasks.registry import get_task
from cvcore.train import distributed, nodes, resume, weights
from cvcore.train.arguments import (
    max_steps,
    require_checkpointing,
    set_intervals,
    training_arguments,
    zero_stage,
)
from cvcore.train.batch_size import Trial, fit
from cvcore.train.batches import EpochBatches
from cvcore.train.best import BestModel
from cvcore.train.callbacks.decisions import Decisions
from cvcore.train.callbacks.due import DueEvaluation
from cvcore.train.callbacks.early_stopping import EarlyStopping
from cvcore.train.callbacks.nonfinite import StopOnNonFinite
from cvcore.train.callbacks.pictures import Pictures
from cvcore.train.callbacks.progress import Progress
from cvcore.train.callbacks.state import OwnState
from cvcore.train.callbacks.throughput import Throughput
from cvcore.train.callbacks.tracking import Tracking
from cvcore.train.checkpoint import CheckpointStore, step_of
from cvcore.train.final import evaluate_best
from cvcore.train.ledger import Ledger
from cvcore.train.logs import FILE_ONLY
from cvcore.train.signals import StopRequest
from cvcore.train.trainer import LakesightTrainer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What a training came to; see `RunResult`."""

    best_metric: float | None
    metrics: dict[str, float]
    stopped_by: str
    step: int


class Story:
    """One training; `tell` is all of it."""

    def __init__(
        self, config: Config, run_dir: Path, ledger: Ledger | None, request: StopRequest
    ) -> None:
        """Take what the training is about.

        Args:
            config: the run's.
            run_dir: its folder.
            ledger: its entry in MLflow; None on all processes but the first.
            request: says when a signal asks to stop.
        """
        self.config = config
        self.run_dir = run_dir
        self.ledger = ledger
        self.request = request

    def tell(self) -> Outcome:
        """Train, evaluate the best model, log it."""
        conf = self.config.trainer
        batch_size, accumulation = (
            conf.per_device_train_batch_size,
            conf.gradient_accumulation_steps,
        )
        self.join(batch_size, accumulation)
        self.read_data()
        self.build_model()
        self.find_checkpoint()
        found = self.find_batch_size(batch_size, accumulation)
        if found != (batch_size, accumulation):
            self.join(*found)
        self.build_trainer(*found)
        stopped_by = self.train()
        step = self.trainer.state.global_step or step_of(self.checkpoint or Path())
        if stopped_by == "signal":
            return Outcome(self.trainer.state.best_metric, {}, stopped_by, step)
        metrics = self.finish(step)
        best = metrics.get(f"best/{self.config.task.metric}")
        return Outcome(best, metrics, stopped_by, step)

    def join(self, batch_size: int, accumulation: int) -> None:
        """Join the other processes."""
        folder = self.run_dir / "checkpoints"
        self.args = training_arguments(self.config, folder, batch_size, accumulation)

    def read_data(self) -> None:
        """Read splits and labels; the first process before the others, so that one fills caches."""
        config = self.config
        with self.args.main_process_first(desc="reading the data"):
            self.data = data = self.prepared()
        self.task = task = get_task(config.task.kind, config.model, config.task)
        transform = train_transform(config.model, config.augment)
        self.train_set = VisionDataset(
            data.splits["train"],
            data.labels,
            task,
            transform,
            config.data,
            seed=config.seed,
            training=True,
        )
        self.held_out: dict[str, VisionDataset] = {
            name: VisionDataset(
                data.splits[name],
                data.labels,
                task,
                fit_transform(config.model),
                config.data,
                seed=config.seed,
                training=False,
            )
            for name in ("val", "test")
            if name in data.splits and len(data.splits[name])
        }
        sizes = {name: len(split) for name, split in data.splits.items()}
        counts = ", ".join(f"{size} {name}" for name, size in sizes.items())
        log.info("%s on %s images of %d classes", config.task.kind, counts, len(data.labels))
        if self.ledger is not None:
            data.labels.save(self.run_dir / "labels.json")
            self.ledger.describe(data.labels, data.fingerprint, sizes)

    def prepared(self) -> Prepared:
        """Return the run's data."""
        return prepare(self.config)

    def build_model(self) -> None:
        """Build the model; seeded before, so that its random weights are the seed's."""
        config, data = self.config, self.data
        set_seed(config.seed)
        with weights.whole(self.args):
            self.model, processor = self.task.load(config.model, data.labels)
        require_checkpointing(self.model, config)
        self.identity = resume.identity(
            config, data.labels, self.model.config.model_type, data.fingerprint
        )
        durable = None if config.run.durable_dir is None else localise(config.run.durable_dir)
        keep = config.trainer.save_total_limit
        self.store = CheckpointStore(
            self.run_dir / "checkpoints",
            durable and durable / "checkpoints",
            keep,
            beside=None if self.ledger is None else self.ledger.tracker.spool.entries,
        )
        described = artifact.of_run(config, data.labels, data.fingerprint)
        self.best = BestModel(self.run_dir / "best", durable, described, processor)

    def find_checkpoint(self) -> None:
        """Choose where to go on from."""
        self.checkpoint = resume.choose(self.store, self.config.run.resume)
        if self.checkpoint is not None:
            resume.require_same(self.checkpoint, self.identity)
            log.info("going on from step %d", step_of(self.checkpoint))
        if distributed.rank() == 0:
            if self.checkpoint is None:
                self.best.put_aside()
            else:
                self.best.fetch()

    def find_batch_size(self, batch_size: int, accumulation: int) -> tuple[int, int]:
        """Return batch and accumulation that fit the memory: the checkpoint's, or by trying."""
        if self.checkpoint is not None:
            return resume.batch_of(self.checkpoint, batch_size, accumulation)
        # Under ZeRO-3 a model can't be tried before DeepSpeed has it.
        if not self.config.trainer.auto_find_batch_size or zero_stage(self.config) == 3:
            return batch_size, accumulation
        fits = Trial(self.model, self.task, self.train_set, self.config, self.args.device)
        return fit(batch_size, accumulation, fits)

    def build_trainer(self, batch_size: int, accumulation: int) -> None:
        """Put the trainer and what watches it together."""
        config, task, labels = self.config, self.task, self.data.labels
        rank, world = distributed.rank(), distributed.world_size()
        batches = EpochBatches(self.train_set, batch_size, accumulation, rank, world, config.seed)
        set_intervals(self.args, config, batches.steps)
        self.decisions = Decisions(config.trainer, self.request, resume.spent_s(self.checkpoint))
        self.trainer = LakesightTrainer(
            self.model,
            self.args,
            config=config,
            task=task,
            make_metric=lambda: task.metrics(config.task, labels),
            train_dataset=self.train_set,
            eval_dataset=self.held_out["val"],
            batches=batches,
            store=self.store,
            best=self.best,
            describe=lambda: {
                **self.identity,
                "batch_size": batch_size,
                "accumulation": accumulation,
                "spent_s": self.decisions.spent_s,
                "evaluation_due": self.decisions.evaluation_due,
            },
            callbacks=[self.decisions],
        )
        for callback in self.callbacks():
            self.trainer.add_callback(callback)

    def callbacks(self) -> list[TrainerCallback]:
        """Return what watches the training, in the order in which it is asked."""
        config, conf = self.config, self.config.trainer
        callbacks: list[TrainerCallback] = [
            OwnState(self.trainer),
            StopOnNonFinite(self.trainer),
            Throughput(self.trainer),
        ]
        if config.tracking.num_images:
            pictures = Pictures(
                self.data.splits["val"],
                self.data.labels,
                config.data.max_image_pixels,
                config.tracking.num_images,
                config.serving.score_threshold,
                self.run_dir,
                self.ledger.tracker if self.ledger is not None else None,
            )
            self.trainer.observers.append(pictures)
            callbacks.append(pictures)
        if conf.early_stopping_patience is not None:
            callbacks.append(
                EarlyStopping(conf.early_stopping_patience, conf.early_stopping_threshold)
            )
        if self.ledger is not None:
            world = distributed.world_size()
            progress = Progress(config.task.metric, len(self.held_out["val"]), world)
            self.trainer.observers.append(progress)
            callbacks += [Tracking(self.ledger.tracker), progress]
        due = self.checkpoint is not None and resume.evaluation_due(self.checkpoint)
        return [*callbacks, DueEvaluation(self.trainer, due=due)]

    def train(self) -> str:
        """Train; return why it stopped: steps, early_stopping, time_budget or signal."""
        total = max_steps(self.config, self.trainer.batches.steps)
        done = self.finished_by(total)
        if done is not None:
            if self.has_best_model():
                log.info("this run has finished (%s); its best model is evaluated again", done)
                return done
            self.trainer.steps_left = False
        # Each process draws its own dropout.
        set_seed(self.config.seed + distributed.rank())
        with self.request.deferred():
            self.trainer.train(str(self.checkpoint) if self.checkpoint is not None else None)
            if distributed.rank() == 0:
                self.store.wait()
        if distributed.any_of(self.request.signal is not None)[0]:
            # Also one that came after the last step was decided: what is left can take minutes.
            return "signal"
        if done is not None:
            return done
        if self.decisions.stopped_by is None and self.trainer.state.global_step < total:
            return "early_stopping"
        return self.decisions.stopped_by or "steps"

    def finished_by(self, total: int) -> str | None:
        """Return why the checkpoint's training was at its end, None if it was not."""
        if self.checkpoint is None:
            return None
        step = step_of(self.checkpoint)
        if step >= total:
            return "steps"
        budget_s = self.config.trainer.time_budget_s
        if budget_s is not None and resume.spent_s(self.checkpoint) >= budget_s:
            return "time_budget"
        patience = self.config.trainer.early_stopping_patience
        if patience is not None and resume.evaluations_without_gain(self.checkpoint) >= patience:
            return "early_stopping"
        return None

    def has_best_model(self) -> bool:
        """Return whether `best/` is the best of all evaluations of the checkpoint's training."""
        assert self.checkpoint is not None
        exists: bool = distributed.from_first(self.best.exists())
        return exists and not resume.evaluation_due(self.checkpoint)

    def finish(self, step: int) -> dict[str, float]:
        """Evaluate the best model, write its report, log both; return the figures."""
        if not distributed.from_first(self.best.exists()):
            # No evaluation was better than nothing: then the last weights are the best.
            self.trainer.save_best({})
        nodes.spread(self.best.folder)
        metrics = evaluate_best(
            self.config, self.task, self.data, self.held_out, self.run_dir, self.args.device
        )
        if distributed.rank() == 0:
            self.best.renew_durable()
        for key, value in metrics.items():
            log.info("%s %.4f", key, value, extra=FILE_ONLY)  # the report shows them
        if self.ledger is not None:
            self.ledger.log(metrics, step)
            if (self.run_dir / "report").is_dir():
                self.ledger.log_folder(self.run_dir / "report")
            if self.config.tracking.log_model:
                self.ledger.log_model(self.best.folder)
        return metrics
