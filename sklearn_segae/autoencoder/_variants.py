"""Kinds of autoencoders: what each minimizes, and how it encodes when it is not training.

All have one training path and the same three methods; a variant is what it does to a batch.
"""

from __future__ import annotations

from math import ceil
from typing import Any

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
    """Distort every image of (N, C, H, W) in its own way, drawn up to `strength`.

    What comes in from outside the image is its border, continued.
    """
    maps = draw_maps(images, strength, generator)
    grid = functional.affine_grid(maps, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def draw_maps(images: Tensor, strength: float, generator: Generator = None) -> Tensor:
    """Draw maps (N, 2, 3) from places in a distorted image to places in the image it shows.

    Places are (right, down, 1), from -1 to 1 along each side, as torch has them.
    """

    def draw(largest: float) -> Tensor:
        share = torch.rand(len(images), generator=generator, device=images.device)
        return strength * largest * (2 * share - 1)

    angle, width, height, slant, right, down = map(draw, LARGEST)
    cos, sin, width, height = angle.cos(), angle.sin(), width.exp(), height.exp()
    # Turned, after slanted, after resized; in halves of sides, which may differ.
    oblong = images.shape[2] / images.shape[3]
    to_right = [cos * width, (slant * cos - sin) * height * oblong, right]
    to_down = [sin * width / oblong, (slant * sin + cos) * height, down]
    return torch.stack([torch.stack(to_right, 1), torch.stack(to_down, 1)], 1)


GRID = 8  # cells along a side of the grid that hides squares of images, stretches of signals


class Plain:
    """Reconstruct the input from its code [1]_.

    Parameters
    ----------
    loss : Loss
        Of the reconstruction.
    strength : float
        What the variant does more or less of; nothing for this one.

    References
    ----------
    .. [1] G. Hinton, R. Salakhutdinov, "Reducing the dimensionality of data with neural
       networks", Science 313, 2006, doi:10.1126/science.1127647.
    """

    def __init__(self, loss: Loss, strength: float = 0) -> None:
        self.loss = loss
        self.strength = strength

    def encode(self, module: Any, x: Tensor) -> Tensor:
        """Return the codes that `transform` gives, without any randomness."""
        return module.encode(x)

    def reconstruct(self, module: Any, x: Tensor) -> Tensor:
        """Return what the module makes of clean inputs."""
        return module.decode(self.encode(module, x))

    def clean(self, module: Any, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the loss of `reconstruct`: comparable between variants, so it validates."""
        return self.loss(self.reconstruct(module, x), x, weight)

    def __call__(
        self, module: Any, x: Tensor, weight: Tensor | None = None, generator: Generator = None
    ) -> Tensor:
        """Return what training minimizes, a scalar."""
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
        """Return the loss between the clean input and what becomes of the noisy one."""
        noisy = x + self.strength * normal_like(x, generator)
        return self.loss(self.reconstruct(module, noisy), x, weight)


class Augmented(Plain):
    """Reconstruct images from affinely distorted copies of them [1]_.

    As denoising [2]_, with augmentation for noise. Codes tell less of place, size and slant, and so
    more of what is shown. `strength` scales the distortions. With 1, images are turned by up to 34
    degrees, resized up to 1.5-fold in both directions, slanted by up to 37 degrees and shifted by
    up to an eighth of a side.

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
        """Return the loss between images as they are and what becomes of distorted ones."""
        return self.loss(self.reconstruct(module, distort(x, self.strength, generator)), x, weight)


class Masked(Plain):
    """Reconstruct the input, of which a part is hidden: masking noise [1]_, in patches [2]_.

    `strength` is the probability of being hidden. Hidden are numbers of rows, squares of images
    (all channels) and stretches of signals, about an eighth of a side long; they are set to 0.

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
        """Return the loss over everything, hidden or not."""
        return self.loss(self.reconstruct(module, x * self.visible(x, generator)), x, weight)

    def visible(self, x: Tensor, generator: Generator = None) -> Tensor:
        """Draw what is to be seen of a batch: 1 where it is, 0 where it is hidden."""
        if x.ndim == 2:
            drawn = torch.rand(x.shape, generator=generator, device=x.device) >= self.strength
            return drawn.to(x.dtype)
        sides = x.shape[2:]
        cells = [ceil(side / ceil(side / GRID)) for side in sides]
        shape = (len(x), 1, *cells)
        drawn = torch.rand(shape, generator=generator, device=x.device) >= self.strength
        return functional.interpolate(drawn.to(x.dtype), size=tuple(sides))


class Sparse(Plain):
    """Reconstruct the input from the largest numbers of its code alone: k-sparse [1]_.

    `strength` is the share of a code's numbers that are exactly 0, whatever the sample. One
    number at least stays.

    References
    ----------
    .. [1] A. Makhzani, B. Frey, "k-sparse autoencoders", ICLR 2014, arXiv:1312.5663.
    """

    def encode(self, module: Any, x: Tensor) -> Tensor:
        """Keep the numbers of the code that are largest in absolute value."""
        codes = module.encode(x)
        n_active = max(1, round((1 - self.strength) * int(codes.shape[1])))
        kept = codes.abs().topk(n_active, dim=1).indices
        return torch.zeros_like(codes).scatter(1, kept, codes.gather(1, kept))


class Contractive(Plain):
    """Reconstruct the input from a code that hardly moves when the input does [1]_.

    `strength` weighs the squared Frobenius norm of the encoder's Jacobian. It is estimated by one
    random projection per batch [2]_, which is unbiased and costs one more pass backwards; the
    exact norm would cost one for every number of the code.

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
    """Encode a distribution, reconstruct from a draw, and stay near a standard normal [1]_.

    `strength` weighs the Kullback-Leibler divergence (Higgins' beta [2]_). With 1 the loss, times
    the number of inputs, is minus the evidence's lower bound: exactly so for cross-entropy, and for
    "mse" with Gaussian noise of variance 1/2 about the reconstruction.

    The module's `posterior` returns means and log-variances; the code is the mean.

    References
    ----------
    .. [1] D. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014, arXiv:1312.6114.
    .. [2] I. Higgins et al., "beta-VAE: learning basic visual concepts with a constrained
       variational framework", ICLR 2017.
    """

    def __call__(
        self, module: Any, x: Tensor, weight: Tensor | None = None, generator: Generator = None
    ) -> Tensor:
        """Return the loss of a draw, plus the divergence per number of the input."""
        mean, log_variance = module.posterior(x)
        draw = mean + torch.exp(log_variance / 2) * normal_like(mean, generator)
        kl = weighted_mean(divergence(mean, log_variance), weight)
        return self.loss(module.decode(draw), x, weight) + self.strength * kl / x[0].numel()

    @staticmethod
    def kl(module: Any, x: Tensor) -> Tensor:
        """Return the divergence of every sample's code from the prior, (N,), in nats."""
        return divergence(*module.posterior(x))


VARIANTS_OF_ROWS: dict[str, type[Plain]] = {
    "contractive": Contractive,
    "denoising": Denoising,
    "masked": Masked,
    "plain": Plain,
    "sparse": Sparse,
    "variational": Variational,
}
VARIANTS = VARIANTS_OF_ROWS | {"augmented": Augmented}  # rows cannot be turned

# Of standardized inputs. On digits they cost least in reconstruction among those that do what the
# variant is for.
AUTOMATIC = {
    "augmented": 1,
    "contractive": 0.01,
    "denoising": 0.5,
    "masked": 0.25,
    "plain": 0,
    "sparse": 0.5,
    "variational": 1,
}
# Data in [0, 1] have about 0.3 of that spread, and 0.1 of the variance: with a weight of 1 the
# divergence outweighs all there is to reconstruct, and the codes collapse.
AUTOMATIC_UNIT_RANGE = AUTOMATIC | {"denoising": 0.15, "variational": 0.1}

# Shares must leave something to learn from.
SHARES = ("masked", "sparse")


def build_variant(variant: str, strength: float | str, loss: Loss, scaling: str | None) -> Plain:
    """Return the variant, its strength resolved; refuse a strength that means nothing."""
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
    """Return what variant_strength="auto" stands for."""
    # Cross-entropy knows no spread: with a weight of 1, the bound is exact.
    exact = variant == "variational" and loss.name == "cross_entropy"
    unit_variance = scaling in ("auto", "common", "standard")
    return (AUTOMATIC if unit_variance or exact else AUTOMATIC_UNIT_RANGE)[variant]


def squared_jacobian_norms(codes: Tensor, x: Tensor, generator: Generator = None) -> Tensor:
    """Estimate the squared Frobenius norm of d codes / d x for every sample, (N,).

    For u standard normal, the mean of |J^T u|^2 is the trace of J J^T. Samples must not
    influence one another's codes.
    """
    u = normal_like(codes, generator)
    (projected,) = torch.autograd.grad((codes * u).sum(), x, create_graph=True)
    return projected.square().flatten(1).sum(1)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence from the standard normal, (N,); appendix B of Kingma 2014."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
