"""What the trainer iterates: a record becomes a decoded, transformed, encoded item."""

from __future__ import annotations

import cv2
import torch
from torch.utils.data import Dataset

from cvcore.config.schema import DataConf
from cvcore.data.labels import LabelSpace
from cvcore.data.load import Loader
from cvcore.data.memory import keep_freed_memory
from cvcore.data.records import Split
from cvcore.data.samples import Truth
from cvcore.data.transforms import Transform
from cvcore.tasks.base import Encoded, Task


class VisionDataset(Dataset[Encoded]):
    """One split as encoded items, for training or for evaluation.

    In training every item is changed at random, as a pure function of (seed, epoch, index): number
    of workers, order and resumption do not matter. `set_epoch` reaches running workers too, because
    the epoch lives in shared memory. In evaluation `Encoded.truth` holds the truth at the image's
    own size.
    """

    def __init__(
        self,
        split: Split,
        labels: LabelSpace,
        task: Task,
        transform: Transform,
        data: DataConf,
        *,
        seed: int,
        training: bool,
    ) -> None:
        """Prepare the data set; nothing is read yet.

        Args:
            split: its records.
            labels: the run's label space.
            task: encodes the samples.
            transform: `train_transform(...)` or `fit_transform(...)`.
            data: gives `max_image_pixels`.
            seed: of the random changes.
            training: random changes, large JPEGs decoded smaller, and no truth.
        """
        self.split = split
        self.task = task
        self.transform = transform
        self.seed = seed
        self.training = training
        self._loader = Loader(labels, task.kind, data.max_image_pixels)
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    @property
    def epoch(self) -> int:
        """The epoch whose changes are drawn."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, for this object and for its copies in running workers."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> Encoded:
        """Return one item.

        Raises:
            DataError: the image or its annotations can't be used; names the file.
        """
        record = self.split[index]
        if self.training:
            changes = self.transform.draw(self.seed, self.epoch, index)
            return self.task.encode(self._loader.changed(record, self.transform, changes))
        whole = self._loader.whole(record)
        encoded = self.task.encode(self.transform(whole))
        encoded.truth = Truth(
            whole.image_id, whole.size_hw, whole.target, whole.source, whole.metadata
        )
        return encoded


def one_thread_per_worker(_worker_id: int) -> None:
    """Keep a DataLoader worker (`worker_init_fn`) to its own core: the workers are the threads."""
    keep_freed_memory()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
