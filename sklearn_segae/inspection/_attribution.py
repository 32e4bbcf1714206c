"""Attribution of labels to pixels and channels."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from ._attribution_methods import channel_values, evaluate_all, integrate, occlusion
from ._baselines import mean_window, other_windows
from ._log_odds import (
    AttributionTarget,
    LogOdds,
    TorchLogOdds,
    attribution_target,
    is_differentiable,
)

COUNT = Interval(Integral, 1, None, closed="left")
# Default side of squares, relative to the receptive field. Pixels next to a smaller square contain
# much of its information, and noise does not cancel within it.
SQUARE = 1 / 3
MIN_SQUARE = 3  # in pixels
N_BASELINES = {"integrated_gradients": 32, "occlusion": 8}


@validate_params(
    {
        "method": [StrOptions({"auto", "integrated_gradients", "occlusion"})],
        "baseline": [StrOptions({"other_segment", "mean"})],
        "n_baselines": [COUNT, None],
        "n_steps": [COUNT],
        "patch_size": [COUNT, None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def pixel_attribution(
    segmenter: Any,
    image: Any,
    pixel: Any,
    segment: Any = None,
    *,
    against: Any = None,
    method: str = "auto",
    baseline: str = "other_segment",
    n_baselines: int | None = None,
    n_steps: int = 4,
    patch_size: int | None = None,
    random_state: Any = 0,
) -> Bunch:
    """Attribute the segment of a pixel to the pixels and channels of the image.

    The explained quantity is the log-odds of the segment against another segment, that is, the
    difference of their log-probabilities, averaged over the pixels of a region. Labels themselves
    only change in steps, and probabilities near 1 hardly change. The normalization of the image is
    held constant, and the merging of small regions (`min_size`) is left out.

    Parameters
    ----------
    segmenter : AESegmenter
        A segmenter that was fitted to images (not volumes) and whose estimator has probabilities
        or distances.
    image : array (H, W) or (H, W, C)
        An image of any size.
    pixel : (row, column) or array (H, W) of bool
        The pixel to explain, or a mask of the pixels of a region.
    segment : label, default=None
        The segment to explain. None is the most probable one.
    against : label, default=None
        The segment to compare with. None is the most probable other one.
    method : {"auto", "integrated_gradients", "occlusion"}, default="auto"
        "integrated_gradients" [1]_ integrates gradients from a baseline to the image, along an arc
        that preserves the variance of noise. It needs a :class:`~sklearn_segae.PixelEncoder`, and
        as estimator k-means, a Gaussian mixture, a linear classifier, a
        :class:`~sklearn_segae.PixelHead`, or refined boundaries. "occlusion" [2]_ replaces squares
        of single channels by the baseline, for any encoder and estimator, including forests. "auto"
        selects gradients if they are available.
    baseline : {"other_segment", "mean"}, default="other_segment"
        What the pixels are compared with. "other_segment": windows of this image in the other
        segment, so that common properties cancel; if there are none, "mean" is used. "mean": the
        mean pixel of the image, a constant that differs from any texture.
    n_baselines : int, default=None
        Number of random windows of the other segment that attributions are averaged over. None: 32
        for gradients and 8 for occlusion, which is slower. In an image larger than nine tiles of
        128 x 128 pixels, windows come from nine such tiles, spread evenly, unless none contains the
        other segment.
    n_steps : int, default=4
        Number of gradients between each baseline and the image. "mean", a single baseline, gets as
        many as all windows together.
    patch_size : int, default=None
        Attributions are those of squares with this side, in pixels. Noise cancels within them.
        None: a third of the side of the receptive field. With gradients, 1 gives single pixels.
        With occlusion, squares overlap by half, and their attributions are averaged.
    random_state : int, RandomState instance or None, default=0
        Determines the baselines.

    Returns
    -------
    result : Bunch
        attribution : ndarray of shape (H', W', C), float32
            Attributions, in nats, to all pixels that the label depends on; positive values are in
            favor of the segment. With gradients they sum to `log_odds - baseline_log_odds`, up to
            the error of `n_steps`. The attribution of a square is spread evenly over its pixels.
        channels : ndarray of shape (C,)
            Shapley values [3]_ of the channels, for either method: the change from replacing a
            channel of the baseline by that of the image, averaged over all orders in which
            channels can be replaced, and over the baselines. They sum to `log_odds -
            baseline_log_odds`. For six channels or more, each baseline has one order, drawn at
            random or the reverse of the previous one.
        window : (slice, slice)
            Rows and columns of the image that `attribution` belongs to.
        pixels : ndarray of shape (H', W', C)
            The pixels of the window.
        region : ndarray of shape (H', W'), bool
            Mask of the explained pixels.
        segment, against : labels
            The explained segment and the other one.
        log_odds, baseline_log_odds : float
            Log-odds of the image, and their mean over the baselines.
        method : str
            The method that was used.

    Raises
    ------
    ImportError
        If captum is not installed, which comes with the extra ``inspect``.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep networks", ICML 2017,
       arXiv:1703.01365; over several baselines: G. Erion and others, "Improving performance of
       deep learning models with axiomatic attribution priors and expected gradients", Nature
       Machine Intelligence 3, 2021, doi:10.1038/s42256-021-00343-w.
    .. [2] M. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014,
       doi:10.1007/978-3-319-10590-1_53.
    .. [3] L. Shapley, "A value for n-person games", Contributions to the theory of games 2, 1953,
       doi:10.1515/9781400881970-018; of models: S. Lundberg, S.-I. Lee, "A unified approach to
       interpreting model predictions", NeurIPS 2017, arXiv:1705.07874.
    """
    image = np.asanyarray(image)
    labeler, seen = _inside(segmenter, image)
    target = attribution_target(labeler, seen, _region(pixel, seen.shape))
    smooth = is_differentiable(labeler)
    method = _choose(method, smooth, labeler)
    odds = (TorchLogOdds if smooth else LogOdds)(labeler, target)
    odds.choose(segment, against)
    rng = check_random_state(random_state)
    x = odds.tensor(target.window)
    n = N_BASELINES[method] if n_baselines is None else n_baselines
    starts = _starts(odds, seen, baseline, n, rng)
    side = min(_default_side(target) if patch_size is None else patch_size, *x.shape[-2:])
    if method == "integrated_gradients":
        found = integrate(odds, x, starts, n_steps * n // len(starts), side)
    else:
        found = occlusion(odds, x, starts, side)
    return Bunch(
        attribution=found[0].movedim(0, -1).float().cpu().numpy(),
        channels=channel_values(odds, x, starts, rng),
        window=target.place,
        pixels=np.atleast_3d(image)[target.place],
        region=target.region,
        segment=odds.labels[odds.segment],
        against=odds.labels[odds.other],
        log_odds=float(evaluate_all(odds, x)[0]),
        baseline_log_odds=float(evaluate_all(odds, starts).mean()),
        method=method,
    )


def _inside(segmenter: Any, image: np.ndarray) -> tuple[Any, np.ndarray]:
    """Return the fitted labeler of a segmenter, and the normalized image."""
    if getattr(segmenter, "rows_", False):
        raise ValueError(
            "pixel_attribution explains images, but the segmenter was fitted with rows. Use "
            "sklearn.inspection.permutation_importance for rows."
        )
    if segmenter.n_axes == 3:
        raise ValueError(
            "pixel_attribution explains images, but the segmenter was fitted to volumes. Use "
            "component_importance(segmenter, [volume], groups='blocks'), or fit a segmenter to "
            "slices."
        )
    batch = segmenter.batch([image])
    (labeler,), (seen,) = segmenter.labelers(batch), batch.images
    if not hasattr(segmenter, "predict_proba"):
        raise ValueError(
            f"estimator={segmenter.estimator_!r} has neither probabilities nor distances, which "
            "pixel_attribution needs. Use another estimator, such as KMeans."
        )
    return labeler, seen


def _region(pixel: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return a mask (H, W) of the pixels to explain."""
    given = np.asarray(pixel)
    height, width = shape[:2]
    if given.dtype == bool and given.shape == (height, width) and given.any():
        return given
    inside = given.shape == (2,) and given.dtype.kind in "iu" and (given >= 0).all()
    if not inside or given[0] >= height or given[1] >= width:
        raise ValueError(
            f"pixel={pixel!r} is not a pixel of an image of {height} x {width} pixels. Pass (row, "
            "column), or a bool mask of that shape with at least one True."
        )
    region = np.zeros((height, width), bool)
    region[tuple(given)] = True
    return region


def _choose(method: str, smooth: bool, labeler: Any) -> str:
    if method == "integrated_gradients" and not smooth:
        raise ValueError(
            f"method='integrated_gradients' needs gradients, but {labeler.encoder!r} and "
            f"{labeler.estimator.estimator!r} have none. Pass method='occlusion'."
        )
    if method == "auto":
        return "integrated_gradients" if smooth else "occlusion"
    return method


def _starts(
    odds: LogOdds, seen: np.ndarray, baseline: str, n: int, rng: np.random.RandomState
) -> torch.Tensor:
    """Return the windows (n, C, H', W') that the image is compared with."""
    windows = other_windows(odds, seen, n, rng) if baseline == "other_segment" else []
    return torch.cat([odds.tensor(w) for w in windows or [mean_window(odds, seen)]])


def _default_side(target: AttributionTarget) -> int:
    """Return a third of the side of the receptive field of one pixel, in pixels."""
    shape = target.window.shape[:2]
    field = max(
        size - (part.stop - part.start) + 1 for size, part in zip(shape, target.tile, strict=True)
    )
    return min(max(MIN_SQUARE, round(SQUARE * field)), *shape)
