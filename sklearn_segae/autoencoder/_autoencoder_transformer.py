"""AutoencoderTransformer: samples to codes and back."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_array, check_is_fitted

from .._base import (
    CallbackSupportMixin,
    Documented,
    FitTask,
    all_or_nothing,
    draw_seed,
    fit_context,
    seeded,
)
from ..imaging._scaling import fit_scale, unscaled
from ..networks._autoencoders import ACTIVATIONS, decode, has_linear_decoder
from ..networks._initialization import DrawingFrom
from ..networks._unmixing_autoencoder import UnmixingAutoencoder
from ..training._batches import Samples
from ..training._execution import dtype_of, evaluate, evaluate_blocks
from ..training._losses import LOSSES, Loss
from ..training._net import Net
from ..training._parameters import loss_curve, publish_training, training_parameters, trains_net
from ..training._train import train
from ._architectures import build_module
from ._latent_sampling import MAX_CODES, draw_codes
from ._sample_layout import (
    ARCHITECTURES,
    Layout,
    block_size,
    channels_last,
    check_samples,
    scaled_blocks,
    taker,
)
from ._unmixing import check_unmixing, in_double, is_signed, scaled_zero
from ._variants import VARIANTS, VARIANTS_OF_ROWS, Plain, Unmixing, Variational, build_variant


@trains_net
class AutoencoderTransformer(
    Documented,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Reduce samples to a few numbers each with an autoencoder, and reconstruct them.

    The interface is that of :class:`~sklearn.decomposition.PCA`. Dense layers (for rows) or
    convolutions (for images and signals) are trained to reconstruct the input from `n_components`
    numbers [1]_. A linear path in parallel to the layers is initialized with the principal axes.

    Parameters
    ----------
    n_components : int, default=16
        Size of the code.
    architecture : {"auto", "dense", "conv", "signal"} or callable, default="auto"
        "dense" for rows (images are flattened), "conv" for stacks of images, "signal" for series
        (n, T) or (n, T, C); "auto" is "dense" or "conv". A `torch.nn.Module` class, or a function
        that makes a module, is called with the size of a sample, `n_features` or (C, H, W), and
        `n_components`; the module needs `encode` and `decode`. A method `initialize_from` is called
        with up to 1000 scaled samples before training. Such modules may draw from torch's global
        generator, which is seeded for the fit and restored; these fits run one after the other.
    hidden_layer_sizes : sequence of int, default=(256,)
        Units of the dense layers between the input (or the convolutions) and the code, mirrored
        in the decoder; empty for none. Nets with a logistic output and "variational" nets have no
        linear path.
    activation : {"relu", "tanh", "logistic", "elu", "gelu", "identity"}, default="relu"
        Of the hidden layers. The code is linear.
    variant : {"plain", "denoising", "augmented", "masked", "sparse", "contractive", \
"variational", "unmixing"}, default="plain"
        Kind of autoencoder, see Notes. Validation and scores use clean inputs, so that variants can
        be compared. For "variational", a module of your own needs `posterior`, which returns means
        and log-variances.
    variant_strength : float or "auto", default="auto"
        Strength of the variant, >= 0, see Notes.
    loss : {"mse", "cross_entropy", "mae", "huber"} or criterion, default="mse"
        Reconstruction loss, a mean over the numbers of the scaled input. Cross-entropy needs an
        input in [0, 1], which `scaling="minmax"` provides. A criterion is a torch loss (class or
        instance, with any `reduction`), or a function of (output, target) that returns the loss of
        every number or sample.
    scaling : {"auto", "common", "standard", "minmax"} or None, default="auto"
        Scaling of features (rows) or channels (images, signals). "common" and "standard" subtract
        means; "common" divides all features by one number, so that errors have the weights of PCA,
        "standard" each by its standard deviation, for features of different units. "auto" is
        "common" for "unmixing", or if no varying feature has more than ten times the median range
        and fewer than a tenth have less than a tenth of it, else "standard". "minmax" maps every
        feature to [0, 1]; with it or cross-entropy the decoder ends in a logistic layer.
        `inverse_transform` returns values in the units of the input.
    {training_parameters}

    Attributes
    ----------
    {training_attributes}
    validation_loss_curve_ : list of float
        Mean loss of the held-out samples of every epoch; empty if there are none.
    components_ : ndarray of shape (`n_components_`, n_features) or (`n_components_`, \
`*image_shape_`)
        Effect of each component on the reconstruction, as in PCA, in the units of the data; for
        "unmixing" the endmembers. Only if the decoder is linear: for "unmixing", or with
        `hidden_layer_sizes=()` and without a logistic output.
    offset_ : ndarray of shape (n_features,) or `image_shape_`
        Constant of a linear decoder, which reconstructs `transform(X) @ components_ + offset_`; 0
        for "unmixing".
    kl_ : float
        Mean divergence of the codes from the standard normal, in nats; "variational" only.
    scale_ : ndarray of shape (2, `n_features_in_`)
        Shift and divisor of `scaling`.
    n_features_in_ : int
        Number of features of a row, or of channels of an image or signal.
    feature_names_in_ : ndarray of str
        Names of the features, if `X` has them.
    image_shape_ : tuple or None
        Shape of one image or signal; None for rows.
    n_components_ : int
        Length of the codes.
    latent_sample_ : ndarray of shape (n_samples, `n_components_`)
        Codes of some training samples, near which `sample` draws.
    layout_, variant_ : Layout, object
        Layout of samples, and the objective of training.

    Notes
    -----
    What the variants do in training, and what `variant_strength` is:

    ============= ==================================== ========================== ====
    variant       training                             strength                   auto
    ============= ==================================== ========================== ====
    "plain"       reconstructs the input               (none)
    "denoising"   from a noisy input                   noise's standard deviation 0.5
    "augmented"   from an affinely distorted copy of   size of the distortions    1
                  the image
    "masked"      from a part of the input             share hidden, in [0, 1)    0.25
    "sparse"      from the code's largest numbers      share of zeros, in [0, 1)  0.5
    "contractive" penalizes the code's slope           weight of squared norm of  0.01
                                                       the encoder's Jacobian
    "variational" from a draw near the code, which     weight of the divergence   1
                  stays near a standard normal         from it (beta)
    "unmixing"    as a mixture of few endmembers, in   weight of the log volume   0.25
                  the smallest simplex around the rows
    ============= ==================================== ========================== ====

    Sources are [2]_ (denoising, masked), [3]_, [4]_, [5]_ (variational), [6]_ (augmented) and [7]_
    (unmixing).
    Noise is in units of the scaled input. With `scaling` "minmax" or None, "auto" is 0.15 for
    "denoising", and 0.1 for "variational" (1 for cross-entropy). "augmented" needs a stack of
    images; strength 1 rotates by up to 34 degrees, resizes by up to 1.5, shears by up to 37 degrees
    and shifts by up to an eighth of a side. Hidden inputs are 0, the mean where it is subtracted.
    Codes of "sparse" have zeros also after training; codes of "variational" are the means.

    "unmixing" is for spectra as rows. Codes are abundances: >= 0, with a sum of 1. The decoder adds
    up endmembers, `components_`, which are >= 0, unless negative values of `X` have more than 5 %
    of its sum of squares, as in centered spectra. Endmembers are initialized by the simplex of
    minimum volume [8]_, which starts at spectra chosen by successive projections (vertex component
    analysis without random directions), and need not be among the spectra. The volume is weighted
    for noise of equal variance in all bands. n_features bands determine at most n_features + 1
    endmembers; the abundances of others are 0. Weights are float64 in training.

    References
    ----------
    .. [1] G. Hinton, R. Salakhutdinov, "Reducing the dimensionality of data with neural
       networks", Science 313, 2006, doi:10.1126/science.1127647.
    .. [2] P. Vincent et al., "Extracting and composing robust features with denoising
       autoencoders", ICML 2008, doi:10.1145/1390156.1390294.
    .. [3] A. Makhzani, B. Frey, "k-sparse autoencoders", ICLR 2014, arXiv:1312.5663.
    .. [4] S. Rifai et al., "Contractive auto-encoders: explicit invariance during feature
       extraction", ICML 2011.
    .. [5] D. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014, arXiv:1312.6114.
    .. [6] X. Guo et al., "Deep embedded clustering with data augmentation", ACML 2018.
    .. [7] B. Palsson et al., "Hyperspectral unmixing using a neural network autoencoder", IEEE
       Access 6, 2018, doi:10.1109/ACCESS.2018.2818280.
    .. [8] J. Bioucas-Dias, "A variable splitting augmented Lagrangian approach to linear spectral
       unmixing", WHISPERS 2009, doi:10.1109/WHISPERS.2009.5289072.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_segae import AutoencoderTransformer
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = AutoencoderTransformer(10, max_epochs=5, random_state=0).fit(X)
    >>> autoencoder.transform(X).shape
    (1797, 10)
    >>> autoencoder.inverse_transform(autoencoder.transform(X)).shape
    (1797, 64)
    >>> autoencoder.stop_reason_
    'max_epochs'

    Abundances and endmembers of a hyperspectral cube:

    >>> from sklearn_segae.datasets import make_mixtures
    >>> cube, _, _ = make_mixtures(32, n_components=3, random_state=0)
    >>> unmixing = AutoencoderTransformer(3, variant="unmixing", max_epochs=5, random_state=0)
    >>> abundances = unmixing.fit_transform(cube.reshape(-1, 100)).reshape(32, 32, 3)
    >>> unmixing.components_.shape
    (3, 100)
    """

    n_features_in_: int

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "architecture": [StrOptions({"auto", *ARCHITECTURES}), callable],
        "hidden_layer_sizes": ["array-like"],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "variant": [StrOptions(set(VARIANTS))],
        "variant_strength": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "loss": [StrOptions(set(LOSSES)), callable],
        "scaling": [StrOptions({"auto", "common", "standard", "minmax"}), None],
    }

    def __init__(
        self,
        n_components: int = 16,
        *,
        architecture: Any = "auto",
        hidden_layer_sizes: Sequence[int] = (256,),
        activation: str = "relu",
        variant: str = "plain",
        variant_strength: float | str = "auto",
        loss: Any = "mse",
        scaling: str | None = "auto",
        optimizer: Any = "adam",
        lr: float = 1e-3,
        batch_size: int = 128,
        max_epochs: int = 100,
        n_iter_no_change: int = 10,
        early_stopping: bool | float = False,
        warm_start: bool = False,
        device: str = "auto",
        precision: str = "float32",
        callbacks: list[Any] | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.architecture = architecture
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.variant = variant
        self.variant_strength = variant_strength
        self.loss = loss
        self.scaling = scaling
        self.optimizer = optimizer
        self.lr = lr
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.warm_start = warm_start
        self.device = device
        self.precision = precision
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    @all_or_nothing
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the autoencoder to the samples of `X`.

        Parameters
        ----------
        X : {array, CSR matrix} of shape (n_samples, n_features), or array (n, H, W), \
(n, H, W, C), (n, T) or (n, T, C)
            Rows, or a stack of images or signals of one size.
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, >= 0, in scaling and in the loss.

        Returns
        -------
        self : AutoencoderTransformer
        """
        continued = self.warm_start and hasattr(self, "net_")
        checked = self._check(X, sample_weight, continued)
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        # The target of an autoencoder is its input; monitors need a target.
        task = FitTask(self, self.max_epochs, X=X, y=X if y is None else y, metadata=metadata)
        self._learn(*checked, continued, task)
        task.finish()
        return self

    @all_or_nothing
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch on `X`, continuing the training so far.

        The first call determines the scaling, so its samples should be typical. No samples are held
        out, and scikit-learn callbacks are not called.

        Parameters
        ----------
        X, y, sample_weight : as in `fit`

        Returns
        -------
        self : AutoencoderTransformer
        """
        continued = hasattr(self, "net_")
        checked = self._check(X, sample_weight, continued)
        return self._learn(*checked, continued, max_epochs=1, early_stopping=False)

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
        return np.concatenate(list(self._evaluate(self.variant_.encode, self._blocks(X))))

    def inverse_transform(self, codes: Any) -> np.ndarray:
        """Decode samples.

        Parameters
        ----------
        codes : array of shape (n_samples, n_components)

        Returns
        -------
        X : ndarray of shape (n_samples, n_features), or `(n_samples, *image_shape_)`
            In the units of the training data.
        """
        check_is_fitted(self)
        codes = check_array(codes, dtype=[np.float64, np.float32])
        if codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"codes has {codes.shape[1]} columns, but AutoencoderTransformer was fitted with "
                f"n_components={self._n_features_out}."
            )
        size = block_size(self.layout_.shape)
        blocks = (codes[i : i + size] for i in range(0, len(codes), size))
        decoded = [unscaled(channels_last(x), self.scale_) for x in self._evaluate(decode, blocks)]
        return np.concatenate(decoded).reshape(-1, *self.layout_.shape)

    def sample(self, n_samples: int = 1) -> np.ndarray:
        """Draw samples similar to the training data.

        Codes are drawn from a density estimate of training codes (manifold Parzen windows [1]_) and
        decoded. This is closer to the data than the prior of a "variational" net [2]_; to draw from
        the prior, decode standard normal codes with `inverse_transform`. With an int as
        `random_state`, every call draws the same samples, as in
        :class:`~sklearn.mixture.GaussianMixture`.

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
        codes = draw_codes(self.latent_sample_, n_samples, draw_seed(self.random_state))
        return self.inverse_transform(self.variant_.valid_codes(codes))

    def interpolate(self, a: Any, b: Any, n_steps: int = 10) -> np.ndarray:
        """Interpolate between two samples in the space of codes.

        Interpolation is linear. On digits, the middle is nearer to real samples than with spherical
        interpolation, except for "variational" nets, for which spherical is slightly better.

        Parameters
        ----------
        a, b : array of shape (n_features,) or `image_shape_`
            One sample each.
        n_steps : int, default=10
            Number of evenly spaced samples, at least 2, both ends included.

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
            if np.shape(sample) != self.layout_.shape:
                raise ValueError(
                    f"{name} has shape {np.shape(sample)}, but one sample has {self.layout_.shape}."
                    f" Pass {name}[0] for the first of several."
                )
        start, end = np.asarray(self.transform(np.stack([a, b])))  # may be a frame
        share = np.linspace(0, 1, n_steps, dtype=start.dtype)[:, None]
        return self.inverse_transform((1 - share) * start + share * end)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the negative mean reconstruction loss of `X`; higher is better.

        Parameters
        ----------
        X, y, sample_weight : as in `fit`

        Returns
        -------
        score : float
        """
        scores = self.score_samples(X)
        weights = _check_sample_weight(sample_weight, scores)
        return float(np.average(scores, weights=weights))

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the negative reconstruction loss of every sample; outliers have low scores.

        The loss is that of training, without noise and penalties. Prediction of the mean has a mean
        squared error of 1, unless `scaling` is "minmax" or None.

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
    def components_(self) -> np.ndarray:
        """Effect of each component on the reconstruction, if the decoder is linear."""
        check_is_fitted(self)
        self._check_linear("components_")
        return self.inverse_transform(np.eye(self.n_components_)) - self.offset_

    # Not `mean_`: HyperSpy 2.5 would add it to the data, though nobody has subtracted it.
    @property
    def offset_(self) -> np.ndarray:
        """Reconstruction of a code of zeros, if the decoder is linear; 0 for "unmixing"."""
        check_is_fitted(self)
        self._check_linear("offset_")
        if isinstance(self.variant_, Unmixing):  # the decoder takes sums of 1 for granted
            return np.zeros(self.layout_.shape)
        return self.inverse_transform(np.zeros((1, self.n_components_)))[0]

    def _check_linear(self, name: str) -> None:
        if not has_linear_decoder(self.net_.module_):
            raise AttributeError(
                f"{name} needs a linear decoder, but that of this AutoencoderTransformer is not. "
                "Pass hidden_layer_sizes=(), without a logistic output, or variant='unmixing'."
            )

    @property
    def image_shape_(self) -> tuple[int, ...] | None:
        """Shape of one image or signal; None for rows."""
        return None if self.layout_.kind == "rows" else self.layout_.shape

    def _check(
        self, X: Any, sample_weight: Any, continued: bool
    ) -> tuple[Any, Layout, np.ndarray | None]:
        """Return samples of nonzero weight, their layout, and weights with mean 1 or None."""
        X, layout = check_samples(self, X, self.architecture, self.layout_ if continued else None)
        if sample_weight is None:
            return X, layout, None
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        counts = weight > 0
        if not counts.any():
            raise ValueError("sample_weight is 0 for all samples, so that there is nothing to fit.")
        return X[counts], layout, weight[counts] / weight[counts].mean()

    def _learn(
        self,
        X: Any,
        layout: Layout,
        weight: np.ndarray | None,
        continued: bool,
        task: FitTask | None = None,
        **options: Any,
    ) -> Self:
        variant = self._build_variant(layout, continued)
        scale = self.scale_ if continued else fit_scale(X, self._scaling, weight)
        learnt = {"layout_": layout, "variant_": variant, "scale_": scale}
        if not continued:
            learnt["n_components_"] = self.n_components
        with seeded(self.random_state, use_global=callable(self.architecture)) as generators:
            # A copy, so that the estimator does not change if training fails.
            net = copy.deepcopy(self.net_) if continued else None
            rng, generator = generators
            module = net.module_ if net else self._build(X, layout, scale, generator)
            samples = _samples(X, scale, variant.loss.refuse, weight, dtype_of(module))
            net = train(
                module,
                samples,
                variant,
                rng=rng,
                generator=generator,
                net=net,
                tasks=task.of_epochs(lambda net: learnt | {"net_": net}) if task else None,
                **training_parameters(self) | options,
            )
            some = rng.permutation(len(samples))[:MAX_CODES]
        return self._publish(learnt, net, samples.take(some).numpy())

    def _publish(self, learnt: dict[str, Any], net: Net, some: np.ndarray) -> Self:
        """Set the fitted attributes; `some` are scaled samples."""
        for name, value in learnt.items():
            setattr(self, name, value)
        self.validation_loss_curve_ = loss_curve(net, "valid_loss")
        if isinstance(self.variant_, Variational):
            self.kl_ = float(evaluate(net.module_, self.variant_.kl, some).mean())
        elif hasattr(self, "kl_"):
            del self.kl_
        self.latent_sample_ = evaluate(net.module_, self.variant_.encode, some)
        if not np.isfinite(self.latent_sample_).all():
            raise FloatingPointError(
                f"Training diverged with lr={self.lr:g}: codes are not finite. Lower lr, or scale "
                "the data if they are huge."
            )
        publish_training(self, net)
        return self

    def _build(
        self, X: Any, layout: Layout, scale: np.ndarray, generator: torch.Generator
    ) -> torch.nn.Module:
        with DrawingFrom(generator):
            if self.variant == "unmixing":
                module = UnmixingAutoencoder(
                    layout.shape[0],
                    self.n_components,
                    tuple(self.hidden_layer_sizes),
                    self.activation,
                    None if is_signed(X) else scaled_zero(scale),
                )
                return in_double(module, self.device, self.precision)
            return build_module(
                self.architecture,
                layout,
                self.n_components,
                hidden_layer_sizes=self.hidden_layer_sizes,
                activation=self.activation,
                bounded_output=self.scaling == "minmax" or self.loss == "cross_entropy",
                variational=self.variant == "variational",
            )

    def _build_variant(self, layout: Layout, continued: bool) -> Plain:
        if self.variant not in VARIANTS_OF_ROWS and layout.kind != "images":
            raise ValueError(
                f"variant={self.variant!r} distorts images, but X holds {layout.kind}. Pass a "
                "stack of images (n, H, W) or (n, H, W, C), or another variant."
            )
        if self.variant == "unmixing":
            check_unmixing(layout, self.architecture, self.loss, self.scaling)
        loss = Loss(self.loss)
        variant = build_variant(self.variant, self.variant_strength, loss, self.scaling)
        if continued and variant.network != self.variant_.network:
            raise ValueError(
                f"variant={self.variant!r} cannot go on with a net of another kind. Pass "
                "warm_start=False, or begin with a clone."
            )
        return variant

    @property
    def _scaling(self) -> str | None:
        # The bands of a spectrum share a unit, even if few have strong peaks.
        return "common" if (self.variant, self.scaling) == ("unmixing", "auto") else self.scaling

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def _blocks(self, X: Any) -> Iterator[np.ndarray]:
        X, _ = check_samples(self, X, self.architecture, self.layout_, ensure_all_finite=False)
        return scaled_blocks(X, self.scale_)

    def _evaluate(
        self, function: Callable[..., torch.Tensor], blocks: Iterable[np.ndarray]
    ) -> Iterator[np.ndarray]:
        return evaluate_blocks(self.net_.module_, function, blocks)

    def _judged(self, x: np.ndarray) -> np.ndarray:
        """Return scaled samples, clipped for "minmax", to compare with reconstructions."""
        if self.scaling == "minmax":
            x = np.clip(x, 0, 1)  # the output range of the decoder
        self.variant_.loss.refuse(x)
        return x

    def _losses(self, module: Any, x: torch.Tensor) -> torch.Tensor:
        return self.variant_.loss.per_sample(self.variant_.reconstruct(module, x), x)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.architecture not in ("conv", "signal")
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _samples(
    X: Any,
    scale: np.ndarray,
    check: Callable[[np.ndarray], None],
    weight: np.ndarray | None,
    dtype: torch.dtype,
) -> Samples:
    take = taker(X, scale, check)
    weights = None if weight is None else torch.from_numpy(weight).to(dtype)
    return Samples(lambda index: torch.from_numpy(take(index)).to(dtype), X.shape[0], weights)
