"""Training objectives: functions of a module and a batch of inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..networks._pixel_autoencoder import PixelAutoencoder, crop, spatial
from ..training._losses import LOSSES
from ._masked_pooling import MaskedPooling, fill_crops
from ._pooling import TilePooling, along, patches_of

SIGMAS = 2, 3, 4, 6, 8  # scales of coherence in pixels
VOLUME_SIGMAS = 1.5, 2, 3, 4  # the same for volumes, in the smallest sides of voxels


class PatchReconstruction:
    """Loss between patches on a grid and their reconstruction from features.

    Pixels that are NaN, which have no data, have no part in it.
    """

    def __init__(self, loss: str = "mse", step: int = 4) -> None:
        self.loss = LOSSES[loss]
        self.step = step

    def __call__(
        self, module: PixelAutoencoder, x: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the mean loss of the patches of the batch, a scalar."""
        return self.of_features(module, x, module.activations(fill_crops(x)[0])[-1])

    def of_features(self, module: PixelAutoencoder, x: Tensor, last: Tensor) -> Tensor:
        """Return the loss given the activations of the last layer."""
        inner = crop(x, module.margin - module.patch_size // 2)
        patches = patches_of(inner, module.patch_size, self.step).flatten(2)
        every = [slice(None, None, self.step)] * module.n_axes
        reconstructed = module.decode(last[spatial(every)]).flatten(2)
        known = ~patches.isnan()
        if not known.all():
            reconstructed, patches = reconstructed[known], patches[known]
        return self.loss(reconstructed, patches)


class CoherentReconstruction:
    """Patch reconstruction loss minus the coherence of the pooled features.

    Coherence favors features that neighboring pixels share after pooling, which separate segments.
    The scale is random for each batch. A batch must come from one image, since differences between
    images would count as coherence.
    """

    def __init__(self, loss: str = "mse", voxel: Sequence[float] = ()) -> None:
        self.reconstruction = PatchReconstruction(loss)
        self.sigmas = VOLUME_SIGMAS if voxel else SIGMAS
        self.voxel = voxel

    def __call__(
        self, module: PixelAutoencoder, x: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the loss of a batch of crops of one image, a scalar."""
        filled, present = fill_crops(x)
        maps = module.activations(filled)
        drawn = torch.randint(len(self.sigmas), (), generator=generator, device=x.device)
        sigma = self.sigmas[int(drawn)]
        reconstruction = self.reconstruction.of_features(module, x, maps[-1])
        if present is not None:
            present = crop(present, module.margin)
        features = module.features(maps)
        return reconstruction - coherence(features, along(sigma, self.voxel), present=present)


def coherence(
    features: Tensor, sigma: Any, shrinkage: float = 0.02, present: Tensor | None = None
) -> Tensor:
    r"""Return the sum of squared autocorrelations of pooled features (N, F, H, W).

    Computes :math:`\|L^{-1} S L^{-T}\|_F^2` with :math:`L L^T = C`, where C is the covariance of
    the features after Gaussian pooling and S their covariance between pixels 2.5 sigma apart. This
    equals the sum of squared eigenvalues of min/max autocorrelation factors [1]_. It is a nonlinear
    slow feature analysis [2]_ over space; whitening prevents a collapse of the features. Pixels
    where `present` (N, 1, H, W) is 0, which have no data, have no part in it.

    References
    ----------
    .. [1] P. Switzer, A. Green, "Min/max autocorrelation factors for multivariate spatial
       imagery", Stanford technical report 6, 1984.
    .. [2] L. Wiskott, T. Sejnowski, "Slow feature analysis: unsupervised learning of
       invariances", Neural Computation 14, 2002, doi:10.1162/089976602317318938.
    """
    sizes = features.shape[2:]
    # Pairs are two steps apart along all axes.
    steps = [max(2, round(1.25 * own)) for own in np.broadcast_to(sigma, len(sizes)).tolist()]
    pooling = TilePooling(*(range(0, n, step) for n, step in zip(sizes, steps, strict=True)))
    if present is not None:
        pooling = MaskedPooling.of(pooling, present, 0)
    pooled = pooling.mark(pooling.pool(features, sigma))
    mean = pooled.mean if present is None else pooled.nanmean
    axes = range(2, features.ndim)
    pooled = pooled - mean((0, *axes), keepdim=True)
    ends = [(axis, pooled.shape[axis] - 2) for axis in axes if pooled.shape[axis] > 2]
    first, second = (_rows([pooled.narrow(a, start, n) for a, n in ends]) for start in (0, 2))
    if present is not None:
        known = ~(first[0] + second[0]).isnan()
        if not known.any():
            return 0 * features.sum()
        first, second = first[:, known], second[:, known]
    covariance = (first @ first.T + second @ second.T) / (2 * first.shape[1])
    lagged = (first @ second.T + second @ first.T) / (2 * first.shape[1])
    ridge = shrinkage * covariance.diagonal().mean() + 1e-6
    root = torch.linalg.cholesky(covariance + ridge * torch.eye(len(covariance)).to(covariance))
    half = torch.linalg.solve_triangular(root, lagged, upper=False)
    return torch.linalg.solve_triangular(root, half.T, upper=False).square().sum()


def _rows(maps: Sequence[Tensor]) -> Tensor:
    """Concatenate tensors (N, F, ...) to (F, n)."""
    return torch.cat([own.movedim(1, 0).flatten(1) for own in maps], 1)
