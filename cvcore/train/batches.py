"""Which images make a batch: a pure function of (seed, epoch, step), whatever the number of processes.

HF's sampler order depends on the state of the global random generator and accelerate's wrapper hands
out an epoch's end twice when processes share it. Here every epoch is cut into whole effective
batches, so that 1 process with batch 16, 2 with batch 8, or batch 4 accumulated 4 times take
the same images in the same steps, and a resumed run takes those it would have taken.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler, Subset

from cvcore.data.dataset import one_thread_per_worker
from cvcore.tasks.base import Encoded

Collate = Callable[[Sequence[Encoded]], dict[str, Any]]


class ImageDataset(Protocol):
    """What the loaders need of `cvcore.data.dataset.VisionDataset`."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Encoded: ...

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose random changes are drawn, in running workers too."""
        ...


class EpochBatches(Sampler[list[int]]):
    """Batches of one process in one epoch.

    An epoch takes each image at most once and leaves out the few that don't fill an effective batch
    (others in each epoch). A data set smaller than one effective batch is repeated to fill one.
    """

    def __init__(
        self,
        dataset: ImageDataset,
        batch_size: int,
        accumulation: int,
        rank: int,
        world: int,
        seed: int,
    ) -> None:
        """Describe the epoch.

        Args:
            dataset: the train split; it is told the epoch.
            batch_size: per device.
            accumulation: batches per optimizer step.
            rank: of this process.
            world: number of processes.
            seed: of the order.
        """
        self.dataset = dataset
        self.num_images = len(dataset)
        self.batch_size = batch_size
        self.accumulation = accumulation
        self.rank = rank
        self.world = world
        self.seed = seed
        self.epoch = 0

    @property
    def effective(self) -> int:
        """Images per optimizer step, over all processes."""
        return self.batch_size * self.accumulation * self.world

    @property
    def steps(self) -> int:
        """Optimizer steps of an epoch."""
        return max(self.num_images // self.effective, 1)

    def __len__(self) -> int:
        return self.steps * self.accumulation

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of order and random changes; HF's loop calls it before iterating."""
        self.epoch = epoch
        self.dataset.set_epoch(epoch)

    def order(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the epoch's image indices, int64 [steps * effective]."""
        mixed = np.random.default_rng((self.seed, self.epoch)).permutation(self.num_images)
        return np.resize(mixed, self.steps * self.effective)

    def __iter__(self) -> Iterator[list[int]]:
        order = self.order().reshape(self.steps, self.accumulation, self.world, self.batch_size)
        yield from order[:, :, self.rank].reshape(-1, self.batch_size).tolist()


class TrainLoader(DataLoader[dict[str, Any]]):
    """A DataLoader of `EpochBatches`; it draws nothing from the global generator."""

    def __init__(self, batches: EpochBatches, collate: Collate, num_workers: int) -> None:
        """Take the batches, the collate function and the number of workers (kept over epochs)."""
        dataset: Any = batches.dataset
        super().__init__(
            dataset,
            batch_sampler=batches,
            collate_fn=collate,
            persistent_workers=num_workers > 0,
            **worker_arguments(num_workers),
        )
        self.batches = batches

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch."""
        self.batches.set_epoch(epoch)


def evaluation_loader(
    dataset: ImageDataset,
    collate: Collate,
    batch_size: int,
    num_workers: int,
    rank: int = 0,
    world: int = 1,
) -> DataLoader[dict[str, Any]]:
    """Return this process's batches of an evaluation: every image on exactly one process, once.

    Whole batches are dealt out in turn, so that they are the same ones on any number of processes.
    """
    starts = range(rank * batch_size, len(dataset), world * batch_size)
    mine = [i for start in starts for i in range(start, min(start + batch_size, len(dataset)))]
    subset: Dataset[Any] = Subset(dataset, mine)  # type: ignore[arg-type]
    return DataLoader(
        subset, batch_size=batch_size, collate_fn=collate, **worker_arguments(num_workers)
    )


def worker_arguments(num_workers: int) -> dict[str, Any]:
    """Return DataLoader's arguments about workers; an own generator keeps the global one as it is."""
    return {
        "num_workers": num_workers,
        "worker_init_fn": _start_worker,
        "pin_memory": torch.cuda.is_available(),
        "generator": torch.Generator().manual_seed(0),
    }


def _start_worker(worker_id: int) -> None:
    one_thread_per_worker(worker_id)
    # Ctrl-C and many job systems signal a whole process group. A worker would die of it and the training
    # with it, before its step is saved; by itself a worker ends when its trainer is gone.
    with contextlib.suppress(PermissionError):  # it leads a session already
        os.setpgid(0, 0)
    sys.excepthook = _quiet_about_a_trainer_that_is_gone


def _quiet_about_a_trainer_that_is_gone(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Say nothing of a broken connection: the thread that hands tensors over meets it on Ctrl-C."""
    if not issubclass(kind, ConnectionError):
        sys.__excepthook__(kind, error, traceback)
