"""Draws the predictions of a fixed set of validation images at each evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from cvcore.data.draw import draw
from cvcore.data.images import decode
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Split
from cvcore.data.samples import Prediction, Truth
from cvcore.metrics.tracker import Tracker
from cvcore.train import distributed

FOLDER = "predictions"


class Pictures(TrainerCallback):
    """Sees each batch of an evaluation, keeps the chosen images' predictions, draws them after.

    Truth on the left, prediction on the right. On every process: any may have a chosen image.
    """

    def __init__(
        self,
        split: Split,
        labels: LabelSpace,
        max_pixels: int,
        num_images: int,
        score_threshold: float,
        run_dir: Path,
        tracker: Tracker | None,
    ) -> None:
        """Choose the images, spread evenly over the split.

        Args:
            split: of validation.
            labels: names and colours.
            max_pixels: `data.max_image_pixels`.
            num_images: how many.
            score_threshold: objects below are not drawn.
            run_dir: pictures go to its folder `predictions/step_<step>`.
            tracker: logs them as artifacts; None on all but the first process.
        """
        self.split = split
        self.labels = labels
        self.max_pixels = max_pixels
        self.score_threshold = score_threshold
        self.run_dir = run_dir
        self.tracker = tracker
        count = min(num_images, len(split))
        chosen = [i * len(split) // count for i in range(count)]
        self.index_of = {split[i].image_id: i for i in chosen}
        self._kept: dict[int, tuple[Prediction, Truth]] = {}

    def __call__(
        self, outputs: Any, predictions: Sequence[Prediction], truths: Sequence[Truth]
    ) -> None:
        """Keep the chosen images of a batch."""
        for prediction, truth in zip(predictions, truths, strict=True):
            index = self.index_of.get(truth.image_id)
            if index is not None:
                self._kept[index] = (prediction, truth)

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Draw and log."""
        kept, self._kept = self._kept, {}
        all_kept = distributed.gather_objects(kept)
        if self.tracker is None:
            return
        folder = self.run_dir / FOLDER / f"step_{state.global_step:06d}"
        folder.mkdir(parents=True, exist_ok=True)
        for index, (prediction, truth) in sorted(p for part in all_kept for p in part.items()):
            record = self.split[index]
            image_HW3 = decode(record.image, self.max_pixels)
            picture_hw3 = self._side_by_side(image_HW3, truth, prediction)
            path = folder / f"{index:06d}.png"
            cv2.imwrite(str(path), picture_hw3[:, :, ::-1])
        self.tracker.artifact(folder, f"{FOLDER}/{folder.name}")

    def _side_by_side(
        self, image_HW3: NDArray[np.uint8], truth: Truth, prediction: Prediction
    ) -> NDArray[np.uint8]:
        left = draw(image_HW3, self.labels, target=truth.target)
        right = draw(
            image_HW3, self.labels, prediction=prediction, score_threshold=self.score_threshold
        )
        gap = np.full((left.shape[0], 6, 3), 255, np.uint8)
        return np.concatenate([left, gap, right], axis=1)
