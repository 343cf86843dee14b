"""HF's Trainer with an exact evaluation, sampler, optimizer and resume; its loop is untouched."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from transformers import PreTrainedModel, Trainer, TrainingArguments
from transformers.trainer_callback import (
    ExportableState,
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
)

from cvcore.config.schema import Config
from cvcore.data.normalise import normalise
from cvcore.evaluate.loop import Observer, evaluate_batches, merge_ranks
from cvcore.metrics.streaming import StreamingMetric
from cvcore.metrics.tracker import finite
from cvcore.tasks.base import Task
from cvcore.tasks.class_balance import balanced_cross_entropy
from cvcore.train import distributed, nodes, weights
from cvcore.train.arguments import AUTOCAST, offloads_optimizer, precision, zero_stage
from cvcore.train.batches import EpochBatches, ImageDataset, TrainLoader, evaluation_loader
from cvcore.train.best import BestModel
from cvcore.train.checkpoint import CheckpointStore, cannot_write
from cvcore.train.ema import Ema
from cvcore.train.loss_scale import box_share
from cvcore.train.optimizer import Frozen, build_optimizer, parameter_groups
from cvcore.train.schedule import Schedule

log = logging.getLogger(__name__)

WEIGHTS = "weights.safetensors"
STATE = "lakesight_state.json"


class LakesightTrainer(Trainer):
    """One training.

    Attributes:
        config: the run's configuration.
        task: encodes, collates, predicts.
        store: takes the checkpoints.
        best: takes the best model.
        ema: the average of weights, or None.
        observers: see each batch of an evaluation.
        describe: returns what a checkpoint says of its run (task, label space ...).
        steps_left: False: `train` takes up a checkpoint and evaluates what is due, without a step.
    """

    optimizer: torch.optim.Optimizer | None
    lr_scheduler: LRScheduler | None
    control: TrainerControl

    def __init__(
        self,
        model: PreTrainedModel,
        args: TrainingArguments,
        *,
        config: Config,
        task: Task,
        make_metric: Callable[[], StreamingMetric],
        train_dataset: ImageDataset,
        eval_dataset: ImageDataset,
        batches: EpochBatches,
        store: CheckpointStore,
        best: BestModel,
        describe: Callable[[], dict[str, Any]],
        callbacks: list[TrainerCallback],
    ) -> None:
        """Put the parts together; the arguments come from `training_arguments`."""
        self.config = config
        self.task = task
        self.make_metric = make_metric
        self.batches = batches
        self.store = store
        self.best = best
        self.describe = describe
        self.observers: list[Observer] = []
        self.metric: StreamingMetric | None = None
        self.loss_parts: dict[str, Any] = {}
        self.data_wait_s = 0.0
        self.resumed_from: Path | None = None
        self.steps_left = True
        self._shares: list[float] = []
        self.frozen = Frozen(model, config.optim.freeze)
        super().__init__(
            model=model,
            args=args,
            train_dataset=train_dataset,
            eval_dataset=eval_dataset,
            data_collator=task.collate,
            callbacks=callbacks,
        )
        self.remove_callback(PrinterCallback)
        # Every loss here is the mean of its batch; HF would leave the accumulation out for models that
        # take (and mostly ignore) `num_items_in_batch`.
        self.model_accepts_loss_kwargs = False
        decay = config.trainer.ema_decay
        self.ema = Ema(model, decay) if decay is not None else None

    # Data

    def get_train_dataloader(self) -> TrainLoader:
        """Return this process's batches; not wrapped by accelerate, which would deal them out again."""
        workers = self.config.trainer.dataloader_num_workers
        return TrainLoader(self.batches, self.task.collate, workers)

    def _prepare_inputs(self, inputs: dict[str, Any]) -> dict[str, Any]:
        inputs = super()._prepare_inputs(inputs)
        pixels = inputs["pixel_values"]
        if pixels.dtype == torch.uint8:
            model = self.config.model
            dtype = self.model.dtype if self.is_deepspeed_enabled else torch.float32
            pixels = normalise(pixels, model.image_mean, model.image_std, dtype)
            inputs = {**inputs, "pixel_values": pixels}
        return inputs

    # Optimizer

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Return the optimizer of `cvcore.train.optimizer`."""
        if self.optimizer is None:
            groups = parameter_groups(model or self.model, self.config.optim)
            self.optimizer = build_optimizer(
                groups, self.config.optim, cpu_offload=offloads_optimizer(self.config)
            )
        return self.optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> LRScheduler:
        """Return the schedule of `cvcore.train.schedule`."""
        if self.lr_scheduler is None:
            schedule = Schedule.of(self.config.optim, num_training_steps)
            self.lr_scheduler = LambdaLR(optimizer or self.create_optimizer(), schedule)
            self._created_lr_scheduler = True
        return self.lr_scheduler

    # Step

    def get_batch_samples(
        self, epoch_iterator: Any, num_batches: int, device: torch.device
    ) -> tuple[list[Any], Any]:
        """Return the batches of one optimizer step and the time they took."""
        start = time.perf_counter()
        samples = super().get_batch_samples(epoch_iterator, num_batches, device)
        self.data_wait_s += time.perf_counter() - start
        self._shares = box_share(self.model.config.model_type, samples[0])
        return samples

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,  # noqa: ARG002 (HF's signature)
    ) -> Any:
        """Return the model's loss, weighted so that it is that of the whole effective batch."""
        self.frozen.keep_statistics()
        power = self.config.optim.class_balance
        if power:
            outputs = model(**{key: value for key, value in inputs.items() if key != "labels"})
            loss = balanced_cross_entropy(outputs["logits"], inputs["labels"], power)
        else:
            outputs = model(**inputs)
            loss = outputs["loss"]
        self.loss_parts = outputs.get("loss_dict") or {}
        if self._shares:
            loss = loss * self._shares.pop(0)
        return (loss, outputs) if return_outputs else loss

    # Log and evaluation

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log figures; an undefined one (AP without any object) is none: JSON has no NaN."""
        super().log(finite(logs), start_time)

    def averaged(self) -> AbstractContextManager[None]:
        """Put the average of weights into the model meanwhile, if there is one."""
        return self.ema.applied(self.model) if self.ema is not None else nullcontext()

    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: Any = None,  # noqa: ARG002 (HF's signature)
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Return the task's metrics over all images, the same on every process."""
        start = time.perf_counter()
        dataset = self.eval_dataset if eval_dataset is None else eval_dataset
        distributed.same_buffers(self.model)
        with self.averaged():
            self.metric = self._metric_over(dataset)
        first = distributed.rank() == 0
        figures = distributed.from_first(self.metric.compute() if first else None)
        metrics = {f"{metric_key_prefix}_{key}": float(value) for key, value in figures.items()}
        metrics[f"{metric_key_prefix}_num_images"] = len(dataset)
        metrics[f"{metric_key_prefix}_runtime"] = time.perf_counter() - start
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _metric_over(self, dataset: ImageDataset) -> StreamingMetric:
        conf = self.config.trainer
        size = conf.per_device_eval_batch_size
        rank, world = distributed.rank(), distributed.world_size()
        metric = evaluate_batches(
            self.model,
            evaluation_loader(
                dataset, self.task.collate, size, conf.dataloader_num_workers, rank, world
            ),
            self.task,
            self.make_metric(),
            self._inputs_only,
            autocast=AUTOCAST[precision(self.config)],
            observers=self.observers,
        )
        if zero_stage(self.config) == 3:
            self._forward_as_often_as_others(dataset, size)
        return merge_ranks(metric, self.make_metric)

    def _inputs_only(self, batch: dict[str, Any]) -> dict[str, Any]:
        # Without labels no loss is computed, so that no process waits for another one in it.
        kept: dict[str, Any] = {k: batch[k] for k in ("pixel_values", "pixel_mask") if k in batch}
        return self._prepare_inputs(kept)

    def _forward_as_often_as_others(self, dataset: ImageDataset, size: int) -> None:
        """Run a batch for nothing: under ZeRO-3 all processes gather weights in each forward."""
        num_batches = -(-len(dataset) // size)
        if distributed.rank() >= (num_batches % distributed.world_size() or num_batches):
            batch = self.task.collate([dataset[0]])
            self.model.eval()
            with torch.no_grad():
                self.model(**self._inputs_only(batch))
            self.model.train()

    def evaluate_for_best(self) -> None:
        """Evaluate as HF's loop does: with the best model and early stopping."""
        self._determine_best_metric(self.evaluate(), None)

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        better = super()._determine_best_metric(metrics, trial)
        if better:
            self.save_best(metrics)
        return better

    def save_best(self, metrics: dict[str, float]) -> None:
        """Save the weights that are evaluated as the best model."""
        with self.averaged():
            self.best.save(self.model, metrics, sharded=zero_stage(self.config) == 3)

    # Checkpoints

    def _get_output_dir(self, trial: Any) -> str:  # noqa: ARG002 (HF's signature)
        return str(self.store.writing)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        first = distributed.rank() == 0
        step = self.state.global_step
        folder = self.store.writing / f"checkpoint-{step}"
        try:
            if first:
                self.store.begin()
            distributed.wait_for_all()
            super()._save_checkpoint(model, trial)
            self._save_more(folder)
            distributed.wait_for_all()
            nodes.gather(folder)
            if first:
                self.store.commit(step, self.state.best_global_step)
        except Exception as error:
            if _is_about_the_disk(error):
                raise cannot_write(error, self.store.folder) from error
            raise
        distributed.wait_for_all()

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Write what a checkpoint says of the model; HF would pickle the arguments too."""
        if not self.args.should_save:
            return
        assert output_dir is not None
        folder = Path(output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        named = weights.named(self.model)
        if zero_stage(self.config) == 3:
            named = {name: state_dict[name] for name in named}
        weights.write(named, folder / WEIGHTS)
        self.model.config.save_pretrained(folder)

    def _save_more(self, folder: Path) -> None:
        """Write what HF does not keep: the average, and the losses since the last log."""
        rank = distributed.rank()
        window = {"loss": self._tr_loss.item(), "since": self._globalstep_last_logged}
        (folder / f"loss_window_{rank}.json").write_text(json.dumps(window))
        if rank == 0:
            if self.ema is not None:
                self.ema.save(folder)
            (folder / STATE).write_text(json.dumps(self.describe(), indent=1))

    def restore_loss_window(self) -> None:
        """Take up the losses since the last log, so that the next logged one is the same."""
        if self.resumed_from is None:
            return
        file = self.resumed_from / f"loss_window_{distributed.rank()}.json"
        if file.is_file():
            window = json.loads(file.read_text())
            self._tr_loss.fill_(window["loss"])
            self._globalstep_last_logged = window["since"]

    # Resume

    def train(self, resume_from_checkpoint: Any = None, **kwargs: Any) -> Any:
        """Train; from a checkpoint's folder if one is given."""
        self.resumed_from = Path(resume_from_checkpoint) if resume_from_checkpoint else None
        return super().train(resume_from_checkpoint=resume_from_checkpoint, **kwargs)

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        # HF looks at this after a step only; a late evaluation may have stopped the training before.
        if self.control.should_training_stop or not self.steps_left:
            self.control.should_training_stop = True
            return
        super()._run_epoch(*args, **kwargs)

    def _init_training_state(self, max_steps: int, *args: Any) -> Any:
        result = super()._init_training_state(max_steps, *args)
        # HF keeps the checkpoint's intervals; this run's configuration wins.
        self.state.compute_steps(self.args, max_steps)
        if not distributed.from_first(self.best.exists()):
            self.state.best_metric = self.state.best_global_step = None
        return result

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        weights.load_into(model or self.model, weights.read(Path(resume_from_checkpoint) / WEIGHTS))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None and self.ema is not None:
            self.ema.load(Path(checkpoint))

    def _load_callback_state(self) -> None:
        """Restore counters; not HF's control flags, which say that the last run was to stop."""
        for callback in self.callback_handler.callbacks:
            kept = self.state.stateful_callbacks.get(type(callback).__name__)
            if isinstance(callback, ExportableState) and isinstance(kept, dict):
                for name, value in kept["attributes"].items():
                    setattr(callback, name, value)


def _is_about_the_disk(error: Exception) -> bool:
    """Tell a full disk from other faults; torch and safetensors don't raise OSError for it."""
    if isinstance(error, OSError):
        return True
    words = ("No space left", "File too large", "PytorchStreamWriter failed", "unexpected pos")
    return any(word in str(error) for word in words)
