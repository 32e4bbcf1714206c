"""Conversion of segmenters with a U-Net to ONNX graphs, from images to labels and probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..encoding._pixel_encoder import PixelEncoder
from ..imaging._normalization import (
    BLOCK,
    MAX_BLOCKS,
    MIN_SIGNAL,
    RANGE_TILE_SIDE,
    SOFT,
    TAIL,
    Normalization,
)
from ..networks._onnx import graph_of
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
    example = torch.rand(1, *TRACED, estimator.n_features_in_, generator=torch.Generator())
    return graph_of(module, example, ("images", "labels", "probabilities"), range(3))


class UNetGraph(nn.Module):
    """`predict` and `predict_proba` of float32 images, borders included."""

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
        images = images if self.normalize is None else self.normalize(images)
        features = images if self.codes is None else torch.cat([images, self.codes(images)], 3)
        height, width = features.shape[1:3]
        x = self.scale(features).permute(0, 3, 1, 2)
        x = TracedPooling((height, width)).mirror(x, self.network.grid)
        probabilities = self.network(x).softmax(1)[:, :, :height, :width].permute(0, 2, 3, 1)
        return self.classes[probabilities.argmax(3)], probabilities


class NormalizationGraph(nn.Module):
    """`Normalization.apply` of images with at most 16 million pixels, without warnings."""

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
        return _soft_clip((images - low[:, None, None]) / divisor[:, None, None])

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
    n_pixels = torch.as_tensor(images.shape[1] * images.shape[2]).float()
    step = (n_pixels / BLOCK**2 / MAX_BLOCKS).sqrt().ceil().clamp_min(1).long()
    rows, columns = (_block_index(size, step) for size in images.shape[1:3])
    chosen = images.index_select(1, rows.flatten()).index_select(2, columns.flatten())
    n, n_channels = images.shape[0], images.shape[3]
    blocks = chosen.reshape(n, rows.shape[0], BLOCK, columns.shape[0], BLOCK, n_channels)
    blocks = blocks.permute(0, 1, 3, 5, 2, 4).flatten(4).sort(4).values
    return blocks[..., BLOCK**2 // 2].flatten(1, 2)


def _block_index(size: Any, step: Tensor) -> Tensor:
    """Return the pixels (n, BLOCK) along an axis of every `step`-th block of each tile."""
    per_tile = -(-RANGE_TILE_SIDE // BLOCK)
    size = torch.as_tensor(size)
    every = torch.arange((size + RANGE_TILE_SIDE - 1) // RANGE_TILE_SIDE * per_tile)
    tile, block = every // per_tile, every % per_tile
    stop = torch.minimum((tile + 1) * RANGE_TILE_SIDE, size)
    start = tile * RANGE_TILE_SIDE + block * BLOCK
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
