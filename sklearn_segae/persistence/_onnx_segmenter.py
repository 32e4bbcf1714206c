"""Conversion of segmenters with a U-Net to ONNX graphs, from images to labels and probabilities."""

from __future__ import annotations

from itertools import chain
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..encoding._pixel_encoder import PixelEncoder
from ..imaging._normalization import (
    BLOCK,
    MAX_BLOCKS,
    MIN_SIGNAL,
    RANGE_TILE_SIDES,
    SOFT,
    TAIL,
    Normalization,
)
from ..networks._onnx import graph_of
from ..networks._pixel_autoencoder import spatial
from ..segmentation._dense_labeler import DenseLabeler
from ..segmentation._segmenter import AESegmenter
from ..segmentation._unet_classifier import UNetClassifier
from ._onnx import TRACED, PixelGraph, Scale, TracedPooling, on_cpu


def segmenter_graph(segmenter: AESegmenter) -> bytes:
    """Return the graph of images (n, H, W, C) -> labels (n, H, W), probabilities (n, H, W, k)."""
    labeler = segmenter.labeler_
    classifier = segmenter.estimator_
    if not (isinstance(labeler, DenseLabeler) and isinstance(classifier, UNetClassifier)):
        raise ValueError(
            f"estimator={segmenter.estimator!r:.60} has no graph: of segmenters, only those with "
            "a U-Net have one. Fit with estimator='unet', or export the encoder_."
        )
    if segmenter.min_size:
        raise ValueError(
            f"min_size={segmenter.min_size} merges regions after all pixels are labeled, of which "
            "no graph is made. Call set_params(min_size=0) before."
        )
    codes = None
    if not labeler.is_plain:
        if not isinstance(labeler.encoder, PixelEncoder):
            raise ValueError(
                f"encoder={segmenter.encoder!r:.60} has no graph. Fit with a PixelEncoder, or with "
                "encoder='passthrough' and patch_size=1."
            )
        codes = PixelGraph(labeler.encoder)
    return _graph(UNetGraph(classifier, codes, segmenter.normalization_), segmenter)


def unet_graph(classifier: UNetClassifier) -> bytes:
    """Return the graph of images (n, H, W, C) -> labels (n, H, W), probabilities (n, H, W, k)."""
    return _graph(UNetGraph(classifier, None, None), classifier)


def _graph(module: nn.Module, estimator: Any) -> bytes:
    sides = TRACED[2 if estimator.spacing_ is None else 3]
    example = torch.rand(1, *sides, estimator.n_features_in_, generator=torch.Generator())
    return graph_of(module, example, ("images", "labels", "probabilities"), range(1 + len(sides)))


class UNetGraph(nn.Module):
    """`predict` and `predict_proba` of float32 images or volumes, borders included."""

    classes: Tensor

    def __init__(
        self,
        classifier: UNetClassifier,
        codes: PixelGraph | None,
        normalization: Normalization | None,
    ) -> None:
        super().__init__()
        self.register_buffer("classes", torch.from_numpy(classifier.classes_.astype(np.int32)))
        self.normalize = None if normalization is None else NormalizationGraph(normalization)
        self.codes = codes
        self.scale = Scale(classifier.scale_)
        self.network = on_cpu(classifier.net_.module_)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(n, H, W, C) -> (n, H, W), (n, H, W, k)."""
        last = images.ndim - 1
        images = images if self.normalize is None else self.normalize(images)
        features = images if self.codes is None else torch.cat([images, self.codes(images)], last)
        x = self.scale(features).movedim(last, 1)
        sides = x.shape[2:]
        x = TracedPooling(sides).mirror(x, self.network.grid)
        probabilities = self.network(x).softmax(1)[spatial(map(slice, sides))].movedim(1, last)
        return self.classes[probabilities.argmax(last)], probabilities


class NormalizationGraph(nn.Module):
    """`Normalization.apply` of images with at most 16 million pixels, without warnings.

    Images (n, H, W, C) may be volumes (n, D, H, W, C).
    """

    low: Tensor
    span: Tensor

    def __init__(self, rule: Normalization) -> None:
        super().__init__()
        self.register_buffer("low", torch.from_numpy(rule.low.astype(np.float32)))
        self.register_buffer("span", torch.from_numpy(rule.span.astype(np.float32)))
        divisor = np.where(rule.span > 0, rule.span, 1)
        self.scale = None if rule.per_image else Scale(np.stack([rule.low[0], divisor]))

    def forward(self, images: Tensor) -> Tensor:
        """(n, H, W, C) -> (n, H, W, C)."""
        if self.scale is not None:
            return _soft_clip(self.scale(images))
        low, span = self._intervals(_percentiles(_block_medians(images)))
        divisor = torch.where(span > 0, span, torch.ones_like(span))
        each = (slice(None), *[None] * (images.ndim - 2))  # image, at all pixels
        return _soft_clip((images - low[each]) / divisor[each])

    def _intervals(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        """Return low ends and lengths (n, C), from percentiles (2, n, C)."""
        low, span = levels[0], levels[1] - levels[0]
        dull = (span < MIN_SIGNAL * self.span) | (span == 0)
        nearest = (self.low[:, None] - low).abs().argmin(0)
        return torch.where(dull, self.low.gather(0, nearest), low), torch.where(
            dull, self.span, span
        )


def _soft_clip(x: Tensor) -> Tensor:
    """Return what `imaging._normalization.soft_clip` does."""
    inside = x.clamp(-1, 2)
    beyond = x - inside
    return inside + SOFT * beyond / (SOFT + beyond.abs())


def _block_medians(images: Tensor) -> Tensor:
    """Return the medians (n, n_blocks, C) of blocks, of every `step`-th one of large images."""
    n, *sides, n_channels = images.shape
    n_axes = len(sides)
    n_blocks = torch.as_tensor(prod(sides)).double() / BLOCK**n_axes
    step = (n_blocks / MAX_BLOCKS).pow(1 / n_axes).ceil().clamp_min(1).long()
    index = [_block_index(size, step, RANGE_TILE_SIDES[n_axes]) for size in sides]
    for axis, own in enumerate(index, start=1):
        images = images.index_select(axis, own.flatten())
    blocks = images.reshape(n, *chain(*((own.shape[0], BLOCK) for own in index)), n_channels)
    counts, inner = range(1, 2 * n_axes, 2), range(2, 2 * n_axes + 1, 2)
    blocks = blocks.permute(0, *counts, 2 * n_axes + 1, *inner).flatten(n_axes + 2)
    medians = blocks.sort(n_axes + 2).values[..., BLOCK**n_axes // 2]
    return medians.flatten(1, n_axes)


def _block_index(size: Any, step: Tensor, side: int) -> Tensor:
    """Return the pixels (n, BLOCK) along an axis of every `step`-th block of each tile."""
    per_tile = -(-side // BLOCK)
    size = torch.as_tensor(size)
    every = torch.arange((size + side - 1) // side * per_tile)
    tile, block = every // per_tile, every % per_tile
    stop = torch.minimum((tile + 1) * side, size)
    start = tile * side + block * BLOCK
    used = (start < stop) & (block % step == 0)
    pixels = start[:, None] + torch.arange(BLOCK)
    return torch.minimum(pixels, stop[:, None] - 1)[used]


def _percentiles(values: Tensor) -> Tensor:
    """Return the percentiles `TAIL` and 100 - `TAIL` of values (n, m, C), (2, n, C)."""
    ordered = values.sort(1).values
    last = torch.as_tensor(values.shape[1] - 1)
    place = last * torch.tensor([TAIL / 100, 1 - TAIL / 100], dtype=torch.float64)
    below = place.floor().long()
    above = torch.minimum(below + 1, last)
    weight = (place - below).float()[:, None]
    low, high = (ordered.index_select(1, index) for index in (below, above))
    return (low + (high - low) * weight).transpose(0, 1)
