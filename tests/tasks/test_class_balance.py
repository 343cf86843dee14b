"""Rare classes count more, by a formula that knows nothing of batches."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from cvcore.config.composer import load
from cvcore.errors import ConfigError
from cvcore.tasks.class_balance import balanced_cross_entropy
from cvcore.train.arguments import check


def maps(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 4, 8, 8, generator=generator)
    labels = torch.randint(0, 4, (3, 8, 8), generator=generator)
    labels[0, :5] = 0
    labels[1, 2:4] = 255
    return logits, labels


def test_power_0_is_the_mean_over_images_of_plain_cross_entropy() -> None:
    logits, labels = maps(0)
    plain = [
        functional.cross_entropy(logits[i : i + 1], labels[i : i + 1], ignore_index=255)
        for i in range(3)
    ]
    found = balanced_cross_entropy(logits, labels, 0.0)
    torch.testing.assert_close(found, torch.stack(plain).mean())


def test_power_1_gives_every_class_of_an_image_the_same() -> None:
    logits, labels = maps(1)
    losses = functional.cross_entropy(logits, labels, ignore_index=255, reduction="none")
    images = [
        torch.stack([losses[i][labels[i] == k].mean() for k in labels[i].unique() if k != 255])
        for i in range(3)
    ]
    expected = torch.stack([classes.mean() for classes in images]).mean()
    torch.testing.assert_close(balanced_cross_entropy(logits, labels, 1.0), expected)


def test_it_does_not_depend_on_the_batch() -> None:
    logits, labels = maps(2)
    alone = [balanced_cross_entropy(logits[i : i + 1], labels[i : i + 1], 0.5) for i in range(3)]
    torch.testing.assert_close(balanced_cross_entropy(logits, labels, 0.5), sum(alone) / 3)


def test_an_unlabelled_image_has_no_loss() -> None:
    logits, labels = maps(3)
    logits.requires_grad_()
    loss = balanced_cross_entropy(logits, torch.full_like(labels, 255), 0.5)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize(
    ("task", "model"),
    [
        ("detection", "detection/d_fine_micro"),
        ("panoptic_segmentation", "panoptic_segmentation/mask2former_micro"),
    ],
)
def test_it_is_refused_where_it_would_have_no_effect(task: str, model: str) -> None:
    config = load([f"task={task}", f"model={model}", "optim.class_balance=0.5"])
    with pytest.raises(ConfigError, match="Leave it at 0"):
        check(config)
