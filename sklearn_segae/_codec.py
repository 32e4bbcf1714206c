"""What a trained autoencoder does: encode, decode, judge and draw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import _check_sample_weight, check_array, check_is_fitted

from ._density import draw_codes
from ._execution import evaluate_blocks
from ._layout import Layout, block_size, channels_last, check_samples, scaled_blocks
from ._net import Net
from ._randomness import draw_seed
from ._scaling import unscaled
from ._variants import Plain
from .networks import decode


class Codec(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """The methods of a fitted autoencoder; whoever mixes it in learns the attributes below."""

    architecture: Any
    random_state: Any
    scaling: str | None
    net_: Net
    scale_: np.ndarray
    _layout: Layout
    _variant: Plain
    _n_components: int
    _codes: np.ndarray  # of some training samples

    def transform(self, X: Any) -> np.ndarray:
        """Encode samples.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            float64 for float64 rows, else float32.
        """
        check_is_fitted(self)
        return np.concatenate(list(self._evaluate(self._variant.encode, self._blocks(X))))

    def inverse_transform(self, codes: Any) -> np.ndarray:
        """Decode samples.

        Parameters
        ----------
        codes : array of shape (n_samples, n_components)

        Returns
        -------
        X : ndarray of shape (n_samples, n_features), or `(n_samples, *image_shape_)`
            In the units of the data that the net was fitted on.
        """
        check_is_fitted(self)
        codes = check_array(codes, dtype=[np.float64, np.float32])
        if codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"codes has {codes.shape[1]} columns, but AutoencoderTransformer was fitted with "
                f"n_components={self._n_features_out}."
            )
        size = block_size(self._layout.shape)
        blocks = (codes[i : i + size] for i in range(0, len(codes), size))
        decoded = [unscaled(channels_last(x), self.scale_) for x in self._evaluate(decode, blocks)]
        return np.concatenate(decoded).reshape(-1, *self._layout.shape)

    def sample(self, n_samples: int = 1) -> np.ndarray:
        """Draw samples like those that the net was fitted on.

        Codes are drawn and decoded. They are drawn near codes of the training data, as far as the
        neighbours of those lie (manifold Parzen windows [1]_): for every variant, since that is
        nearer to the data than the prior of a "variational" net [2]_. To draw from that prior,
        decode standard normal codes with `inverse_transform`. A fixed `random_state` draws the
        same each time, as in :class:`~sklearn.mixture.GaussianMixture`.

        Parameters
        ----------
        n_samples : int, default=1

        Returns
        -------
        X : ndarray of shape (n_samples, n_features), or `(n_samples, *image_shape_)`

        References
        ----------
        .. [1] P. Vincent, Y. Bengio, "Manifold Parzen windows", NIPS 2002.
        .. [2] P. Ghosh et al., "From variational to deterministic autoencoders", ICLR 2020,
           arXiv:1903.12436.
        """
        check_is_fitted(self)
        if not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(
                f"n_samples={n_samples!r}, but a whole number of samples, at least 1, is drawn."
            )
        return self.inverse_transform(
            draw_codes(self._codes, n_samples, draw_seed(self.random_state))
        )

    def interpolate(self, a: Any, b: Any, n_steps: int = 10) -> np.ndarray:
        """Return a way from one sample to another through the space of codes.

        The way is straight: on digits its middle is nearer to real ones than that of a way along a
        sphere, except for "variational" nets, where the sphere is slightly better.

        Parameters
        ----------
        a, b : array of shape (n_features,) or `image_shape_`
            One sample each.
        n_steps : int, default=10
            Samples on the way, evenly spaced, both ends among them; at least 2.

        Returns
        -------
        X : ndarray of shape (n_steps, n_features), or `(n_steps, *image_shape_)`
            The first and the last are the reconstructions of `a` and `b`.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sklearn_segae import AutoencoderTransformer
        >>> X, _ = load_digits(return_X_y=True)
        >>> autoencoder = AutoencoderTransformer(10, max_epochs=5, random_state=0).fit(X)
        >>> autoencoder.interpolate(X[0], X[1], 5).shape
        (5, 64)
        """
        check_is_fitted(self)
        if n_steps < 2:
            raise ValueError(f"n_steps={n_steps}, but a way has two ends. Pass 2 or more.")
        for name, sample in {"a": a, "b": b}.items():
            if np.shape(sample) != self._layout.shape:
                raise ValueError(
                    f"{name} has shape {np.shape(sample)}, but one sample has {self._layout.shape}."
                    f" Pass {name}[0] for the first of several."
                )
        start, end = self.transform(np.stack([a, b]))
        share = np.linspace(0, 1, n_steps, dtype=start.dtype)[:, None]
        return self.inverse_transform((1 - share) * start + share * end)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return minus the mean reconstruction loss of `X`: bigger is better.

        Parameters
        ----------
        X : as in `fit`
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None
            How often every sample counts.

        Returns
        -------
        score : float
        """
        scores = self.score_samples(X)
        weights = _check_sample_weight(sample_weight, scores)
        return float(np.average(scores, weights=weights))

    def score_samples(self, X: Any) -> np.ndarray:
        """Return minus the reconstruction loss of every sample; outliers score low.

        The loss is that of training, without noise and penalties: a mean squared error of 1
        is what predicting the mean would cost, unless `scaling` is "minmax" or None.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        scores : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        judged = map(self._judged, self._blocks(X))
        return -np.concatenate(list(self._evaluate(self._losses, judged)))

    @property
    def image_shape_(self) -> tuple[int, ...] | None:
        """Shape of one image or signal as it came in; None for rows."""
        return None if self._layout.kind == "rows" else self._layout.shape

    @property
    def _n_features_out(self) -> int:
        return self._n_components

    def _blocks(self, X: Any) -> Iterator[np.ndarray]:
        X, _ = check_samples(self, X, self.architecture, self._layout, ensure_all_finite=False)
        return scaled_blocks(X, self.scale_)

    def _evaluate(
        self, function: Callable[..., torch.Tensor], blocks: Iterable[np.ndarray]
    ) -> Iterator[np.ndarray]:
        return evaluate_blocks(self.net_.module_, function, blocks)

    def _judged(self, x: np.ndarray) -> np.ndarray:
        """Return scaled samples as they are compared with their reconstructions."""
        if self.scaling == "minmax":
            x = np.clip(x, 0, 1)  # beyond what fit saw, where the decoder cannot follow
        self._variant.loss.refuse(x)
        return x

    def _losses(self, module: Any, x: torch.Tensor) -> torch.Tensor:
        return self._variant.loss.per_sample(self._variant.reconstruct(module, x), x)
