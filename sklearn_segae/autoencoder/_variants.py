"""Variants of autoencoders: their training objective, and how they encode after training."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..training._losses import Loss, weighted_mean

# At a strength of 1: angle (radians), log width, log height, slant, shifts (halves of a side).
LARGEST = (0.6, 0.4, 0.4, 0.75, 0.25, 0.25)


Generator = torch.Generator | None  # of the device of the batch; None is torch's global one


def normal_like(x: Tensor, generator: Generator = None) -> Tensor:
    """Draw standard normal numbers in the shape of a tensor."""
    return torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)


def distort(images: Tensor, strength: float, generator: Generator = None) -> Tensor:
    """Apply a random affine map to every image of (N, C, H, W); borders are replicated."""
    maps = draw_maps(images, strength, generator)
    grid = functional.affine_grid(maps, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def draw_maps(images: Tensor, strength: float, generator: Generator = None) -> Tensor:
    """Draw affine maps (N, 2, 3) from positions in a distorted image to positions in the image.

    Positions are (right, down, 1), from -1 to 1 along each side, as in torch.
    """

    def draw(largest: float) -> Tensor:
        share = torch.rand(len(images), generator=generator, device=images.device)
        return strength * largest * (2 * share - 1)

    angle, width, height, slant, right, down = map(draw, LARGEST)
    cos, sin, width, height = angle.cos(), angle.sin(), width.exp(), height.exp()
    # Resize, then shear, then rotate; in units of half a side, and sides may differ.
    oblong = images.shape[2] / images.shape[3]
    to_right = [cos * width, (slant * cos - sin) * height * oblong, right]
    to_down = [sin * width / oblong, (slant * sin + cos) * height, down]
    return torch.stack([torch.stack(to_right, 1), torch.stack(to_down, 1)], 1)


TINY = 1e-9  # variance, relative to that of scaled features, below which a width counts as 0
GRID = 8  # cells along each side of the grid of masks


class Plain:
    """Reconstruct the input from its code [1]_.

    Parameters
    ----------
    loss : Loss
        Reconstruction loss.
    strength : float
        Strength of the variant; unused here.

    References
    ----------
    .. [1] G. Hinton, R. Salakhutdinov, "Reducing the dimensionality of data with neural
       networks", Science 313, 2006, doi:10.1126/science.1127647.
    """

    network = "plain"  # training can only continue with a variant of the same network

    def __init__(self, loss: Loss, strength: float = 0) -> None:
        self.loss = loss
        self.strength = strength

    def valid_codes(self, codes: np.ndarray) -> np.ndarray:
        """Return the nearest codes that the encoder could give."""
        return codes

    def encode(self, module: Any, x: Tensor) -> Tensor:
        """Return the codes of `transform`, without randomness."""
        return module.encode(x)

    def reconstruct(self, module: Any, x: Tensor) -> Tensor:
        """Return the reconstruction of clean inputs."""
        return module.decode(self.encode(module, x))

    def clean(self, module: Any, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the validation loss, that of `reconstruct`, comparable between variants."""
        return self.loss(self.reconstruct(module, x), x, weight)

    def __call__(
        self, module: Any, x: Tensor, weight: Tensor | None = None, generator: Generator = None
    ) -> Tensor:
        """Return the training loss, a scalar."""
        return self.clean(module, x, weight)


class Denoising(Plain):
    """Reconstruct the input from a noisy copy of it [1]_.

    `strength` is the standard deviation of the Gaussian noise, in units of the scaled input.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, Y. Bengio, P.-A. Manzagol, "Extracting and composing robust
       features with denoising autoencoders", ICML 2008, doi:10.1145/1390156.1390294.
    """

    def __call__(
        self, module: Any, x: Tensor, weight: Tensor | None = None, generator: Generator = None
    ) -> Tensor:
        """Return the loss between the clean input and the reconstruction of the noisy one."""
        noisy = x + self.strength * normal_like(x, generator)
        return self.loss(self.reconstruct(module, noisy), x, weight)


class Augmented(Plain):
    """Reconstruct images from affinely distorted copies of them [1]_.

    This is denoising [2]_ with augmentation as noise. Codes depend less on position, size and
    slant. `strength` scales the distortions: with 1, images are rotated by up to 34 degrees,
    resized up to 1.5-fold in both directions, sheared by up to 37 degrees and shifted by up to an
    eighth of a side.

    References
    ----------
    .. [1] X. Guo, E. Zhu, X. Liu, J. Yin, "Deep embedded clustering with data augmentation",
       ACML 2018, PMLR 95.
    .. [2] P. Vincent, H. Larochelle, Y. Bengio, P.-A. Manzagol, "Extracting and composing robust
       features with denoising autoencoders", ICML 2008, doi:10.1145/1390156.1390294.
    """

    def __call__(
        self, module: Any, x: Tensor, weight: Tensor | None = None, generator: Generator = None
    ) -> Tensor:
        """Return the loss between the images and the reconstructions of distorted ones."""
        return self.loss(self.reconstruct(module, distort(x, self.strength, generator)), x, weight)


class Masked(Plain):
    """Reconstruct the input from a masked copy: masking noise [1]_, in patches [2]_.

    `strength` is the probability that a feature of a row, a square of an image (all channels) or a
    segment of a signal, about an eighth of a side long, is set to 0.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, Y. Bengio, P.-A. Manzagol, "Extracting and composing robust
       features with denoising autoencoders", ICML 2008, doi:10.1145/1390156.1390294.
    .. [2] K. He, X. Chen, S. Xie, Y. Li, P. Dollar, R. Girshick, "Masked autoencoders are scalable
       vision learners", CVPR 2022, arXiv:2111.06377.
    """

    def __call__(
        self, module: Any, x: Tensor, weight: Tensor | None = None, generator: Generator = None
    ) -> Tensor:
        """Return the loss over all numbers, masked or not."""
        return self.loss(self.reconstruct(module, x * self.visible(x, generator)), x, weight)

    def visible(self, x: Tensor, generator: Generator = None) -> Tensor:
        """Draw masks of a batch: 1 is visible, 0 is hidden."""
        if x.ndim == 2:
            drawn = torch.rand(x.shape, generator=generator, device=x.device) >= self.strength
            return drawn.to(x.dtype)
        sides = x.shape[2:]
        cells = [ceil(side / ceil(side / GRID)) for side in sides]
        shape = (len(x), 1, *cells)
        drawn = torch.rand(shape, generator=generator, device=x.device) >= self.strength
        return functional.interpolate(drawn.to(x.dtype), size=tuple(sides))


class Sparse(Plain):
    """Reconstruct the input from the largest components of its code: k-sparse [1]_.

    `strength` is the share of components that are set to 0 in every code; at least one is kept.

    References
    ----------
    .. [1] A. Makhzani, B. Frey, "k-sparse autoencoders", ICLR 2014, arXiv:1312.5663.
    """

    def encode(self, module: Any, x: Tensor) -> Tensor:
        """Keep the components of the code with the largest absolute values."""
        codes = module.encode(x)
        n_active = max(1, round((1 - self.strength) * int(codes.shape[1])))
        kept = codes.abs().topk(n_active, dim=1).indices
        return torch.zeros_like(codes).scatter(1, kept, codes.gather(1, kept))


class Contractive(Plain):
    """Penalize the sensitivity of the code to the input [1]_.

    `strength` is the weight of the squared Frobenius norm of the encoder's Jacobian. Its unbiased
    estimate from one random projection per batch [2]_ takes one additional backward pass; the exact
    norm would take one for every component of the code.

    References
    ----------
    .. [1] S. Rifai, P. Vincent, X. Muller, X. Glorot, Y. Bengio, "Contractive auto-encoders:
       explicit invariance during feature extraction", ICML 2011.
    .. [2] M. Hutchinson, "A stochastic estimator of the trace of the influence matrix for
       Laplacian smoothing splines", Communications in Statistics 19, 1990,
       doi:10.1080/03610919008812866.
    """

    def __call__(
        self, module: Any, x: Tensor, weight: Tensor | None = None, generator: Generator = None
    ) -> Tensor:
        """Return the loss plus the penalty."""
        x = x.detach().requires_grad_()
        codes = self.encode(module, x)
        penalty = weighted_mean(squared_jacobian_norms(codes, x, generator), weight)
        return self.loss(module.decode(codes), x.detach(), weight) + self.strength * penalty


class Variational(Plain):
    """Variational autoencoder with a standard normal prior [1]_; the code is the posterior mean.

    `strength` is the weight beta [2]_ of the Kullback-Leibler divergence. With 1 the loss, times
    the number of inputs, is the negative evidence lower bound: for cross-entropy, and for "mse"
    with Gaussian noise of variance 1/2 around the reconstruction.

    The `posterior` of the module returns means and log-variances.

    References
    ----------
    .. [1] D. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014, arXiv:1312.6114.
    .. [2] I. Higgins et al., "beta-VAE: learning basic visual concepts with a constrained
       variational framework", ICLR 2017.
    """

    network = "variational"

    def __call__(
        self, module: Any, x: Tensor, weight: Tensor | None = None, generator: Generator = None
    ) -> Tensor:
        """Return the loss of a draw, plus the divergence per input feature."""
        mean, log_variance = module.posterior(x)
        draw = mean + torch.exp(log_variance / 2) * normal_like(mean, generator)
        kl = weighted_mean(divergence(mean, log_variance), weight)
        return self.loss(module.decode(draw), x, weight) + self.strength * kl / x[0].numel()

    @staticmethod
    def kl(module: Any, x: Tensor) -> Tensor:
        """Return the divergence of every sample's code from the prior, (N,), in nats."""
        return divergence(*module.posterior(x))


class Unmixing(Plain):
    """Unmix spectra: codes are abundances, and the decoder adds up endmembers [1]_.

    Of all simplices around the spectra, training prefers that of the smallest volume [2]_, since
    there may be no pure pixels. The loss is minus the log-likelihood of abundances that are uniform
    on the simplex, up to constants, with the mean squared error as variance of the noise;
    `strength` is the weight of the log volume. With 1/4 the most likely abundances of noisy pixels
    give unbiased facets (`networks._simplex`).

    References
    ----------
    .. [1] B. Palsson et al., "Hyperspectral unmixing using a neural network autoencoder", IEEE
       Access 6, 2018, doi:10.1109/ACCESS.2018.2818280.
    .. [2] L. Miao, H. Qi, "Endmember extraction from highly mixed data using minimum volume
       constrained nonnegative matrix factorization", IEEE TGRS 45, 2007,
       doi:10.1109/TGRS.2006.888466.
    """

    network = "unmixing"

    def valid_codes(self, codes: np.ndarray) -> np.ndarray:
        """Return abundances: >= 0, with a sum of 1."""
        positive = np.maximum(codes, 0)
        return positive / positive.sum(1, keepdims=True)

    def __call__(
        self, module: Any, x: Tensor, weight: Tensor | None = None, generator: Generator = None
    ) -> Tensor:
        """Return the loss, plus the log of the squared volume in units of the noise."""
        codes = self.encode(module, x)
        loss = self.loss(module.decode(codes), x, weight)
        noise = loss.detach()
        pure = module.decode(torch.eye(codes.shape[1], dtype=x.dtype, device=x.device))
        return loss + self.strength * noise / x.shape[1] * log_gram(pure, noise)


VARIANTS_OF_SIGNALS: dict[str, type[Plain]] = {
    "contractive": Contractive,
    "denoising": Denoising,
    "masked": Masked,
    "plain": Plain,
    "sparse": Sparse,
    "variational": Variational,
}
VARIANTS_OF_ROWS = VARIANTS_OF_SIGNALS | {"unmixing": Unmixing}
VARIANTS_OF_IMAGES = VARIANTS_OF_SIGNALS | {"augmented": Augmented}
VARIANTS = VARIANTS_OF_ROWS | VARIANTS_OF_IMAGES

# For standardized inputs. On digits, the effective strengths of lowest reconstruction error.
AUTOMATIC = {
    "augmented": 1,
    "contractive": 0.01,
    "denoising": 0.5,
    "masked": 0.25,
    "plain": 0,
    "sparse": 0.5,
    "unmixing": 0.25,
    "variational": 1,
}
# Data in [0, 1] have about 0.3 of that standard deviation, and 0.1 of the variance: with a weight
# of 1 the divergence dominates the reconstruction, and the codes collapse.
AUTOMATIC_UNIT_RANGE = AUTOMATIC | {"denoising": 0.15, "variational": 0.1}

# Variants whose strength is a share, < 1.
SHARES = ("masked", "sparse")


def build_variant(variant: str, strength: float | str, loss: Loss, scaling: str | None) -> Plain:
    """Return the variant with its strength; raise an error for an invalid strength."""
    if strength == "auto":
        return VARIANTS[variant](loss, automatic_strength(variant, loss, scaling))
    strength = float(strength)
    if variant == "plain":
        raise ValueError(
            f"variant_strength={strength} means nothing for variant='plain'. Leave it at 'auto', "
            "or choose another variant."
        )
    if variant in SHARES and strength >= 1:
        raise ValueError(
            f"variant_strength={strength} is a share for variant={variant!r}, which needs it in "
            "[0, 1): something must be left."
        )
    return VARIANTS[variant](loss, strength)


def automatic_strength(variant: str, loss: Loss, scaling: str | None) -> float:
    """Return the value of variant_strength="auto"."""
    # Cross-entropy has no scale: with a weight of 1, the bound is exact.
    exact = variant == "variational" and loss.name == "cross_entropy"
    unit_variance = scaling in ("auto", "common", "standard")
    return (AUTOMATIC if unit_variance or exact else AUTOMATIC_UNIT_RANGE)[variant]


def squared_jacobian_norms(codes: Tensor, x: Tensor, generator: Generator = None) -> Tensor:
    """Estimate the squared Frobenius norm of d codes / d x for every sample, (N,).

    For u standard normal, the mean of |J^T u|^2 is the trace of J J^T. The code of a sample must
    not depend on other samples.
    """
    u = normal_like(codes, generator)
    (projected,) = torch.autograd.grad((codes * u).sum(), x, create_graph=True)
    return projected.square().flatten(1).sum(1)


def log_gram(points: Tensor, noise: Tensor) -> Tensor:
    """Return the log of the squared volume of a simplex of points (k, n), up to a constant.

    Noise, a variance, is added to the squared widths, which may be 0.
    """
    k = len(points)
    centered = points - points.mean(0)
    identity = torch.eye(k, dtype=points.dtype, device=points.device)
    # Centered points have no width along the vector of ones; 1/k fills it.
    return torch.logdet(centered @ centered.T + 1 / k + (noise + TINY) * identity)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence from the standard normal, (N,); appendix B of Kingma 2014."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
