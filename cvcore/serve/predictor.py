"""A saved model folder as a function from images to predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cvcore.data.images import decode
from cvcore.data.normalise import normalise
from cvcore.data.records import ImageRef
from cvcore.data.samples import Prediction, Sample, Target, Truth
from cvcore.data.transforms import fit_transform
from cvcore.errors import DataError
from cvcore.serve import artifact as artifacts
from cvcore.serve import payload
from cvcore.tasks.base import Encoded
from cvcore.tasks.common import pixels_of, stack_pixels
from cvcore.tasks.registry import get_task

MAX_PIXELS = 100_000_000


class Predictor:
    """A model ready to predict, on the GPU where there is one.

    Example:
        >>> predictor = Predictor.load(Path("runs/demo/best"))  # doctest: +SKIP
        >>> predictor.predict([image_HW3])[0].boxes_N4  # doctest: +SKIP
    """

    def __init__(self, artifact: artifacts.Artifact, device: str | None = None) -> None:
        """Build a model and load its weights.

        Args:
            artifact: what `artifact.read` gave.
            device: for torch, e.g. cuda:1; None: the GPU where there is one.
        """
        self.artifact = artifact
        self.labels = artifact.labels
        self.task = get_task(artifact.task.kind, artifact.model, artifact.task)
        self.model, self.processor = self.task.load(artifact.model, artifact.labels)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model.to(self.device).eval()
        self._fit = fit_transform(artifact.model)

    @classmethod
    def load(cls, folder: Path, device: str | None = None) -> Predictor:
        """Return the predictor of a saved model folder.

        Args:
            folder: what `model_folder` gave.
            device: for torch, e.g. cuda:1; None: the GPU where there is one.

        Raises:
            ModelError: the folder is not a whole Lakesight model.
        """
        return cls(artifacts.read(folder), device)

    def batch(self, images: Sequence[NDArray[np.uint8]]) -> tuple[dict[str, Any], list[Truth]]:
        """Return the model's inputs (on the device) and the empty truths of uint8 RGB images."""
        fitted = [self.fit(image_HW3, i) for i, image_HW3 in enumerate(images)]
        return self.inputs([item for item, _ in fitted]), [truth for _, truth in fitted]

    def fit(self, image_HW3: NDArray[np.uint8], image_id: int = 0) -> tuple[Encoded, Truth]:
        """Return an image at the model's size, and what leads back to its own; thread-safe.

        Args:
            image_HW3: uint8 [H, W, 3] RGB, of any size.
            image_id: that its prediction has.
        """
        size_hw = (image_HW3.shape[0], image_HW3.shape[1])
        sample = self._fit(Sample(image_id, image_HW3, Target(), f"image {image_id}", size_hw))
        return Encoded(pixels_of(sample), {}), Truth(image_id, size_hw, Target())

    def inputs(self, items: Sequence[Encoded]) -> dict[str, Any]:
        """Return the model's inputs (on the device) of fitted images."""
        pixels_B3HW = stack_pixels(items)
        return {
            "pixel_values": normalise(
                pixels_B3HW.to(self.device, non_blocking=True),
                self.artifact.model.image_mean,
                self.artifact.model.image_std,
                self.model.dtype,
            )
        }

    def predict(self, images: Sequence[NDArray[np.uint8]]) -> list[Prediction]:
        """Return one prediction per image, at the image's own size, without a threshold.

        Args:
            images: uint8 [H, W, 3] RGB, of any sizes; they make one batch.
        """
        return self.predict_fitted([self.fit(image, i) for i, image in enumerate(images)])

    @torch.inference_mode()
    def predict_fitted(
        self, fitted: Sequence[tuple[Encoded, Truth]], min_score: float = 0.0
    ) -> list[Prediction]:
        """Return `predict` of what `fit` gave, which other threads can make meanwhile.

        Args:
            fitted: of the images.
            min_score: objects below may be missing, which saves their masks.
        """
        if not fitted:
            return []
        outputs = self.model(**self.inputs([item for item, _ in fitted]))
        return self.task.predict_above(outputs, [truth for _, truth in fitted], min_score)

    def lowest(self, score_threshold: float | None = None) -> float:
        """Return the lowest score that `answer` shows; see `answers`."""
        if score_threshold is not None:
            return score_threshold
        return min([self.artifact.score_threshold, *self.artifact.class_thresholds.values()])

    def stream(
        self,
        refs: Sequence[ImageRef],
        batch_size: int = 16,
        on_error: Callable[[ImageRef, DataError], None] | None = None,
        min_score: float = 0.0,
    ) -> Iterator[tuple[ImageRef, NDArray[np.uint8], Prediction]]:
        """Yield (reference, decoded image, prediction) of many encoded images, batch by batch.

        Args:
            refs: the images, in the order of what is yielded.
            batch_size: images that go through the model at once.
            on_error: is told of an image that can't be decoded, which is then left out.
            min_score: objects below may be missing.

        Raises:
            DataError: an image that can't be decoded, when there is no `on_error`.
        """
        for start in range(0, len(refs), batch_size):
            chunk: list[tuple[int, ImageRef, NDArray[np.uint8]]] = []
            for position, ref in enumerate(refs[start : start + batch_size], start):
                try:
                    chunk.append((position, ref, decode(ref, MAX_PIXELS)))
                except DataError as error:
                    if on_error is None:
                        raise
                    on_error(ref, error)
            fitted = [self.fit(image, i) for i, (_, _, image) in enumerate(chunk)]
            predictions = self.predict_fitted(fitted, min_score)
            for (position, ref, image), prediction in zip(chunk, predictions, strict=True):
                yield ref, image, replace(prediction, image_id=position)

    def answers(
        self, refs: Sequence[ImageRef], score_threshold: float | None = None, masks: str = "rle"
    ) -> list[dict[str, Any]]:
        """Return `payload.answer` of each encoded image.

        Args:
            refs: encoded images.
            score_threshold: instead of the model's own (its class thresholds too).
            masks: one of `mask_forms.MASKS`.
        """
        return [
            self.answer(prediction, (image.shape[0], image.shape[1]), score_threshold, masks)
            for _, image, prediction in self.stream(refs, min_score=self.lowest(score_threshold))
        ]

    def answer(
        self,
        prediction: Prediction,
        size_hw: tuple[int, int],
        score_threshold: float | None = None,
        masks: str = "rle",
    ) -> dict[str, Any]:
        """Return `payload.answer` with the model's labels and thresholds.

        Args:
            prediction: of one image.
            size_hw: (height, width) of that image, pixels.
            score_threshold: instead of the model's own (its class thresholds too).
            masks: one of `mask_forms.MASKS`.
        """
        own = score_threshold is None
        return payload.answer(
            prediction,
            self.labels,
            size_hw,
            self.artifact.score_threshold if score_threshold is None else score_threshold,
            self.artifact.class_thresholds if own else {},
            masks=masks,
        )
