"""Joint training of an encoder and a head on labeled pixels and unlabeled images."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .._base import seeded
from ..encoding._objectives import CoherentReconstruction
from ..encoding._pixel_encoder import PixelEncoder
from ..encoding._pooling import TilePooling
from ..imaging._scaling import scaled
from ..imaging._tiles import Tile, clip_tile, pad_tile, read_tile, sample_tiles
from ..networks._pixel_autoencoder import crop
from ..training._batches import Samples
from ..training._net import Net
from ..training._parameters import reraise_interrupt, training_parameters
from ..training._train import train
from ._pixel_head import PixelHead, weigh_classes
from ._targets import Targets

LABELED_TILE_SIDE = 64  # in pixels
N_STEPS = 8  # per epoch
SLOWDOWN = 0.1  # factor of the encoder's learning rate, since it is trained already
UNLABELED = -1.0


class Joint(nn.Module):
    """Network of an encoder and a head: scaled images to logits, by a fixed projection."""

    shift: Tensor
    divisor: Tensor

    def __init__(self, encoder: PixelEncoder, head: PixelHead) -> None:
        super().__init__()
        self.codes = encoder.codes_
        self.network: Any = copy.deepcopy(encoder.net_.module_)
        self.head = copy.deepcopy(head.net_.module_).float()
        shift, divisor = self.codes.shift, self.codes.divisor
        center, spread = head.scale_
        # Encoder and head both standardize the codes.
        self.register_buffer("shift", torch.tensor(shift + divisor * center).float())
        self.register_buffer("divisor", torch.tensor(divisor * spread).float())

    @property
    def margin(self) -> int:
        """Number of pixels around a tile that its codes depend on."""
        return self.codes.margin(self.network)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, H, W, n_classes) of x (N, C, H + 2 * margin, W + 2 * margin)."""
        pooling = TilePooling(*(range(size - 2 * self.margin) for size in x.shape[-2:]))
        codes = self.codes.compute(self.network, x, pooling).movedim(1, -1)
        return self.head((codes - self.shift) / self.divisor)


class SemiSupervised:
    """Cross-entropy of labeled pixels plus `strength` times the loss of the encoder.

    The last two channels of the images hold the labels and the weights of the pixels.
    """

    def __init__(self, strength: float, loss: str) -> None:
        self.strength = strength
        self.unsupervised = CoherentReconstruction(loss)

    def __call__(
        self, module: Joint, x: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the loss of a tile, a scalar."""
        images, (labels, weights) = x[:, :-2], crop(x[:, -2:], module.margin).unbind(1)
        known = labels >= 0
        loss: Any = 0
        if self.strength:
            loss = self.strength * self.unsupervised(module.network, images, generator)
        if not known.any():
            return loss + 0 * sum(p.sum() for p in module.head.parameters())
        logits = module(images)[known]
        losses = functional.cross_entropy(logits, labels[known].long(), reduction="none")
        return loss + (weights[known] * losses).mean()


def fine_tune(
    encoder: PixelEncoder,
    head: PixelHead,
    images: Sequence[np.ndarray],
    targets: Targets,
    strength: float,
    seed: int,
) -> tuple[PixelEncoder, PixelHead]:
    """Return copies of a fitted encoder and head after joint training.

    Training has the epochs of the encoder and a tenth of its learning rate. Half of the tiles are
    around labeled pixels, the others at random.
    """
    marked = _marked(images, targets, head)
    parameters = training_parameters(encoder) | {"batch_size": 1, "one_cycle": True}
    parameters["lr"] = SLOWDOWN * encoder.lr
    with seeded(seed) as (rng, generator):
        joint = Joint(encoder, head)
        take = partial(_take_tile, joint, encoder.scale_, images, marked, targets.known, rng)
        objective = SemiSupervised(strength, encoder.loss)
        net = train(
            joint, Samples(take, N_STEPS), objective, rng=rng, generator=generator, **parameters
        )
    reraise_interrupt(net)
    trained: Any = net.module_
    encoder, head = copy.copy(encoder), copy.copy(head)
    encoder.net_ = _with_module(encoder.net_, trained.network)
    head.net_ = _with_module(head.net_, trained.head)
    return encoder, head


def _marked(images: Sequence[np.ndarray], targets: Targets, head: PixelHead) -> list[np.ndarray]:
    """Return maps (H, W, 2) of class indices or `UNLABELED`, and of weights with mean 1."""
    weights = targets.weights or [np.ones(image.shape[:2]) for image in images]
    y = np.concatenate([m[k] for m, k in zip(targets.maps, targets.known, strict=True)])
    own = np.concatenate([w[k] for w, k in zip(weights, targets.known, strict=True)])
    own = own * weigh_classes(head.class_weight, y, own)
    values = np.column_stack([np.searchsorted(head.classes_, y), own / own.mean()])
    ends = np.cumsum([known.sum() for known in targets.known])[:-1]
    maps = []
    for known, part in zip(targets.known, np.split(values, ends), strict=True):
        marks = np.full((*known.shape, 2), UNLABELED)
        marks[known] = part
        maps.append(marks)
    return maps


def _take_tile(
    joint: Joint,
    scale: np.ndarray,
    images: Sequence[np.ndarray],
    marked: Sequence[np.ndarray],
    known: Sequence[np.ndarray],
    rng: np.random.Generator,
    index: Any,
) -> Tensor:
    """Draw a random tile (1, C + 2, h, w) with its receptive field; `index` is ignored."""
    i, tile = _labeled_tile(known, rng) if rng.random() < 0.5 else _any_tile(images, rng)
    around = pad_tile(tile, joint.codes.reach, images[i].shape)
    marks = np.full((*_size(around), 2), UNLABELED)
    inner = tuple(
        slice(part.start - outer.start, part.stop - outer.start)
        for part, outer in zip(tile, around, strict=True)
    )
    marks[inner] = marked[i][tile]
    margin = joint.margin
    marks = np.pad(marks, [(margin, margin), (margin, margin), (0, 0)], constant_values=UNLABELED)
    pixels = scaled(read_tile(images[i], around, margin), scale)
    x = np.concatenate([pixels, marks], axis=2).astype(np.float32)
    return torch.from_numpy(x).movedim(-1, 0)[None]


def _labeled_tile(known: Sequence[np.ndarray], rng: np.random.Generator) -> tuple[int, Tile]:
    """Draw a random tile around a labeled pixel."""
    counts = np.array([k.sum() for k in known])
    i = int(rng.choice(len(known), p=counts / counts.sum()))
    y, x = divmod(int(rng.choice(np.flatnonzero(known[i]))), known[i].shape[1])
    rows, columns = (
        slice(middle - LABELED_TILE_SIDE // 2, middle + LABELED_TILE_SIDE // 2) for middle in (y, x)
    )
    return i, clip_tile((rows, columns), known[i].shape)


def _any_tile(images: Sequence[np.ndarray], rng: np.random.Generator) -> tuple[int, Tile]:
    ((i, tile),) = sample_tiles(images, min(LABELED_TILE_SIDE, *images[0].shape[:2]), 1, rng)
    return i, clip_tile(tile, images[i].shape)


def _size(tile: Tile) -> tuple[int, int]:
    return tile[0].stop - tile[0].start, tile[1].stop - tile[1].start


def _with_module(net: Net, module: nn.Module) -> Net:
    net = copy.deepcopy(net)  # keeps the dtype
    net.module_.load_state_dict(module.state_dict())
    return net
