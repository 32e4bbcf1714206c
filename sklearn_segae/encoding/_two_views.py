"""Two views of an image: as it is, and with local brightness and contrast normalized."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..networks._pixel_autoencoder import PixelAutoencoder, crop
from ._pooling import pool_radius, smooth

MAX_CONTRAST_SIGMA = 32  # standard deviation in pixels of local brightness, at most
TINY = 1e-30  # of variance: a root has no gradient at 0
LEAST_CONTRAST = 0.15  # in standard deviations of a channel: flatter places stay flat

Smooth = Callable[[Tensor, float], Tensor]


class TwoViewNetwork(nn.Module):
    """A `PixelAutoencoder` applied to an image, and to the image of normalized local contrast.

    (N, C, H, W) -> encode -> (N, 2 * n_features, H - 2 * margin, W - 2 * margin), the features of
    the image first. It has no decoder and no weights of its own.

    Parameters
    ----------
    network : PixelAutoencoder
        Encodes both views.
    sigma : float
        Of `normalize_local_contrast`, in pixels.
    """

    def __init__(self, network: PixelAutoencoder, sigma: float) -> None:
        super().__init__()
        self.network = network
        self.sigma = sigma
        self.margin = network.margin + pool_radius(sigma)

    def encode(self, x: Tensor, stride: int = 1) -> Tensor:
        """Return all features of both views, of every `stride`-th pixel."""
        views = two_views(x, self.sigma)
        return torch.cat([self.network.encode(view, stride) for view in views], 1)


def two_views(x: Tensor, sigma: float, smooth: Smooth = smooth) -> list[Tensor]:
    """Return images, and images of normalized local contrast, (N, C, H - 2 * r, W - 2 * r) each."""
    return [crop(x, pool_radius(sigma)), normalize_local_contrast(x, sigma, smooth)]


def normalize_local_contrast(x: Tensor, sigma: float, smooth: Smooth = smooth) -> Tensor:
    """Subtract local brightness and divide by local contrast [1]_, so that uneven light is gone.

    (N, C, H, W) -> (N, C, H - 2 * r, W - 2 * r), r = pool_radius(sigma). Brightness is the mean
    over the channels: differences between channels stay.

    References
    ----------
    .. [1] K. Jarrett, K. Kavukcuoglu, M. Ranzato, Y. LeCun, "What is the best multi-stage
       architecture for object recognition?", ICCV 2009, doi:10.1109/ICCV.2009.5459469.
    """
    brightness = x.mean(1, keepdim=True)
    mean = smooth(brightness, sigma)
    variance = smooth(brightness**2, sigma) - mean**2
    inner = crop(x, pool_radius(sigma))
    return (inner - mean) / (variance.clamp_min(TINY).sqrt() + LEAST_CONTRAST)


def normalized_patches(network: TwoViewNetwork, x: Tensor, size: int, step: int) -> Tensor:
    """Return the normalized brightness of the patches about every `step`-th pixel.

    (N, C, H + 2 * margin, W + 2 * margin) -> (N, size**2, ceil(H / step), ceil(W / step)).
    """
    brightness = normalize_local_contrast(x, network.sigma).mean(1, keepdim=True)
    inner = crop(brightness, network.network.margin - size // 2)
    height, width = (-(-(side - size + 1) // step) for side in inner.shape[-2:])
    return functional.unfold(inner, size, stride=step).unflatten(2, (height, width))
