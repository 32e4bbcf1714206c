"""DiceCrossEntropy: the loss of a network that classifies some pixels of crops."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..networks._unet import UNet


class DiceCrossEntropy:
    """Cross-entropy plus one minus the Dice coefficient of labeled pixels.

    The last two channels of a batch hold the class of each pixel, negative if it has none, and its
    weight.
    """

    def __call__(self, module: UNet, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the loss of a batch of crops, a scalar."""
        labels, weights = x[:, -2], x[:, -1]
        logits, known = module(x[:, :-2], generator), labels >= 0
        return _labeled_loss(logits.movedim(1, -1)[known], labels[known].long(), weights[known])

    def clean(self, module: UNet, x: Tensor) -> Tensor:
        """Return the loss of held-out crops, with all features."""
        return self(module, x)


def _labeled_loss(logits: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Return the loss of labeled pixels, (n, n_classes), (n,) and (n,); 0 if there are none."""
    if not len(y):
        return 0 * logits.sum()
    entropy = functional.cross_entropy(logits, y, reduction="none")
    return (weight * entropy).mean() + _dice_loss(logits.softmax(1), y, weight)


def _dice_loss(probabilities: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Return one minus the mean Dice coefficient of the classes that are present."""
    truth = functional.one_hot(y, probabilities.shape[1]).to(probabilities)
    common, both = (
        (weight[:, None] * values).sum(0)
        for values in (probabilities * truth, probabilities + truth)
    )
    present = truth.any(0)
    return (1 - (2 * common + 1) / (both + 1))[present].mean()
