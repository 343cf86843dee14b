"""What the trainer iterates: a record becomes a decoded, transformed, encoded item."""

from __future__ import annotations

import cv2
import torch
from torch.utils.data import Dataset

from cvcore.config.schema import DataConf
from cvcore.data.build import build_sample
from cvcore.data.images import decode, header_size
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Record, Split
from cvcore.data.samples import Sample, Truth
from cvcore.data.transforms import Changes, Transform
from cvcore.tasks.base import Encoded, Task


class VisionDataset(Dataset[Encoded]):
    """One split as encoded items, for training or for evaluation.

    In training every item is changed at random, as a pure function of (seed, epoch, index): number
    of workers, order and resumption do not matter. `set_epoch` reaches running workers too (the
    epoch lives in shared memory). In evaluation `Encoded.truth` holds the truth at the image's own
    size. Copies sent to workers share the split's records.
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
            training: random changes and reduced decoding, and no truth.
        """
        self.split = split
        self.labels = labels
        self.task = task
        self.transform = transform
        self.max_pixels = data.max_image_pixels
        self.seed = seed
        self.training = training
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    @property
    def epoch(self) -> int:
        """The epoch whose changes are drawn."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch for this object and for its copies in running workers."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> Encoded:
        """Return one item.

        Raises:
            DataError: the image or its annotations can't be used; names the file.
        """
        if self.training:
            sample, _ = self.changed_sample(index)
            return self.task.encode(sample)
        record = self.split[index]
        image_HW3 = decode(record.image, self.max_pixels)
        whole = build_sample(record, self.labels, self.task.kind, image_HW3)
        encoded = self.task.encode(self.transform(whole))
        encoded.truth = Truth(
            whole.image_id, whole.size_hw, whole.target, whole.source, whole.metadata
        )
        return encoded

    def changed_sample(self, index: int) -> tuple[Sample, Changes]:
        """Return the sample that training encodes in this epoch, and what was changed."""
        record = self.split[index]
        changes = self.transform.draw(self.seed, self.epoch, index)
        enough_hw = self.transform.enough_pixels(changes)
        image_HW3 = decode(record.image, self.max_pixels, enough_hw)
        size_hw = self._true_size(record, image_HW3.shape[0], image_HW3.shape[1])
        sample = build_sample(record, self.labels, self.task.kind, image_HW3, size_hw)
        return self.transform(sample, changes), changes

    def _true_size(self, record: Record, height: int, width: int) -> tuple[int, int]:
        """Return the image's own size, of which (height, width) may be 1, 1/2, 1/4 or 1/8."""
        declared = record.size_hw
        if declared is not None:
            scaled = [(-(-declared[0] // n), -(-declared[1] // n)) for n in (1, 2, 4, 8)]
            if (height, width) in scaled:
                return declared
        return header_size(record.image, self.max_pixels)


def one_thread_per_worker(_worker_id: int) -> None:
    """Keep a DataLoader worker (`worker_init_fn`) to its own core: the workers are the threads."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
