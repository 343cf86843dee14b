"""A record's pixels and truth: whole for evaluation, changed for training. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

from cvcore.data.build import build_sample
from cvcore.data.images import decode, header_size
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Record
from cvcore.data.samples import Sample
from cvcore.data.transforms import Changes, Transform

_REDUCTIONS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Loader:
    """How records of one task become samples.

    Attributes:
        labels: the run's label space.
        kind: the task, one of `cvcore.config.schema.TASKS`.
        max_pixels: images with more are refused.
    """

    labels: LabelSpace
    kind: str
    max_pixels: int

    def whole(self, record: Record) -> Sample:
        """Return the sample at the image's own size.

        Raises:
            DataError: the image or its annotations can't be used; names the file.
        """
        image_HW3 = decode(record.image, self.max_pixels)
        return build_sample(record, self.labels, self.kind, image_HW3)

    def changed(self, record: Record, transform: Transform, changes: Changes) -> Sample:
        """Return the sample at the model's input, changed; a large JPEG is decoded smaller.

        Raises:
            DataError: as `whole`.
        """
        enough_hw = transform.enough_pixels(changes)
        image_HW3 = decode(record.image, self.max_pixels, enough_hw)
        size_hw = self._true_size(record, image_HW3.shape[0], image_HW3.shape[1])
        sample = build_sample(record, self.labels, self.kind, image_HW3, size_hw)
        return transform(sample, changes)

    def _true_size(self, record: Record, height: int, width: int) -> tuple[int, int]:
        """Return the image's own size, of which (height, width) may be 1, 1/2, 1/4 or 1/8."""
        declared = record.size_hw
        if declared is not None:
            reduced = [(-(-declared[0] // n), -(-declared[1] // n)) for n in _REDUCTIONS]
            if (height, width) in reduced:
                return declared
        return header_size(record.image, self.max_pixels)
