"""Which pixels and channels decide about a label."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.utils import Bunch, check_random_state

from .._base import check_named
from ._attribution_methods import ask_all, channel_values, integrate, occlusion
from ._baselines import mean_window, other_windows
from ._log_odds import (
    AttributionTarget,
    LogOdds,
    TorchLogOdds,
    attribution_target,
    is_differentiable,
)

METHODS = ("auto", "integrated_gradients", "occlusion")
BASELINES = ("other_segment", "mean")
# Of the side of the receptive field, where the size of squares was left open: what smaller ones
# hide is told by their neighbors, and noise does not cancel within them.
SQUARE = 1 / 3
MIN_SQUARE = 3  # in pixels
N_BASELINES = {"integrated_gradients": 32, "occlusion": 8}


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
    """Tell which pixels and channels made a pixel this segment, rather than another one.

    Explained are the log-odds of the segment against its other segment, that is the difference of
    their log-probabilities, a mean over the pixels of a region. Of the label alone nothing could be
    told but that it changes; of the probability next to nothing where it is near 1. The normalize
    of the image is taken as given, and the absorption of small patches (`min_size`) is left out.

    Parameters
    ----------
    segmenter : AESegmenter
        A fitted one, to images, whose estimator has probabilities or distances.
    image : array (H, W) or (H, W, C)
        Of any size.
    pixel : (row, column) or array (H, W) of bool
        The pixel, or the pixels of a region.
    segment : label, default=None
        The segment to be explained. None: the likeliest.
    against : label, default=None
        Its other segment. None: the likeliest other.
    method : {"auto", "integrated_gradients", "occlusion"}, default="auto"
        "integrated_gradients" [1]_ follows gradients from a baseline to the image, along an arc on
        which noise keeps its variance. It needs a :class:`~sklearn_segae.PixelEncoder` and, at the
        end, k-means, a Gaussian mixture, a linear classifier, a :class:`~sklearn_segae.PixelHead`,
        or refined borders. "occlusion" [2]_ replaces one square of one channel after the other by
        the baseline; for any encoder and estimator, forests too. "auto" takes gradients where there
        are some.
    baseline : {"other_segment", "mean"}, default="other_segment"
        What pixels are compared with. "other_segment": real places of this image that belong to the
        other segment, so that what both have in common cancels; where there is none, as "mean".
        "mean": the mean pixel of the image, a flat gray that textures are far from.
    n_baselines : int, default=None
        Random places of the other segment; attributions are means over them. None: 32 by gradients,
        8 by occlusion, which costs more for each. Of an image larger than nine tiles of 128 x 128
        pixels, places come from nine such tiles, spread evenly, unless that segment is in none.
    n_steps : int, default=4
        Gradients on the way from each baseline to the image. "mean", a single baseline, gets as
        many as all places together.
    patch_size : int, default=None
        The map holds attributions of squares with this side, in pixels, within which noise cancels.
        None: a third of the side of the receptive field. By gradients, 1 is for single pixels; by
        occlusion, squares overlap by half and what they were found to add is averaged.
    random_state : int, RandomState instance or None, default=0
        Chooses baselines.

    Returns
    -------
    why : Bunch
        attribution : ndarray of shape (H', W', C), float32
            Of all pixels that the label can depend on, in nats: positive where they speak for the
            segment. By gradients they add up to `log_odds - baseline_log_odds`, but for what
            `n_steps` leave out. What a square adds is spread evenly over its pixels.
        channels : ndarray of shape (C,)
            Shapley values [3]_ of the channels, by either method: what it adds to take a channel
            as a whole from the image in place of the baseline, a mean over all orders in which the
            channels can be exchanged, and over the baselines. They add up to `log_odds -
            baseline_log_odds`, exactly. From six channels on, each baseline has one order, drawn at
            random or the reverse of the last one's: one window a channel and baseline.
        window : (slice, slice)
            Rows and columns of the image that `attribution` belongs to.
        pixels : ndarray of shape (H', W', C)
            The image there.
        region : ndarray of shape (H', W'), bool
            The explained pixels.
        segment, against : labels
            The explained one and its other segment.
        log_odds, baseline_log_odds : float
            Of the image, and the mean of the baselines.
        method : str
            The one that was used.

    Raises
    ------
    ImportError
        If captum is not installed: ``pip install 'sklearn-segae[inspect]'``.

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
    check_named("method", method, METHODS)
    check_named("baseline", baseline, BASELINES)
    _check_not_none(n_baselines=n_baselines, n_steps=n_steps, patch_size=patch_size)
    image = np.asarray(image)
    labeler, seen = _labeler_of(segmenter, image)
    question = attribution_target(labeler, seen, _region(pixel, seen.shape))
    smooth = is_differentiable(labeler)
    method = _choose(method, smooth, labeler)
    odds = (TorchLogOdds if smooth else LogOdds)(labeler, question)
    odds.choose(segment, against)
    rng = check_random_state(random_state)
    x = odds.tensor(question.window)
    n_ways = N_BASELINES[method] if n_baselines is None else n_baselines
    starts = _starts(odds, seen, baseline, n_ways, rng)
    side = min(_usual_side(question) if patch_size is None else patch_size, *x.shape[-2:])
    if method == "integrated_gradients":
        found = integrate(odds, x, starts, n_steps * n_ways // len(starts), side)
    else:
        found = occlusion(odds, x, starts, side)
    return Bunch(
        attribution=found[0].movedim(0, -1).float().cpu().numpy(),
        channels=channel_values(odds, x, starts, rng),
        window=question.place,
        pixels=np.atleast_3d(image)[question.place],
        region=question.region,
        segment=odds.labels[odds.segment],
        against=odds.labels[odds.other],
        log_odds=float(ask_all(odds, x)[0]),
        baseline_log_odds=float(ask_all(odds, starts).mean()),
        method=method,
    )


def _labeler_of(segmenter: Any, image: np.ndarray) -> tuple[Any, np.ndarray]:
    if getattr(segmenter, "rows_", False):
        raise ValueError(
            "pixel_attribution explains images, but the segmenter was fitted with rows. Rows have "
            "no neighbors: sklearn.inspection.permutation_importance tells of their columns."
        )
    batch = segmenter.batch([image])
    (labeler,), (seen,) = segmenter.labelers(batch), batch.images
    if not hasattr(segmenter, "predict_proba"):
        raise ValueError(
            f"estimator={segmenter.estimator_!r} has neither probabilities nor distances, which "
            "pixel_attribution explains. Choose another, KMeans for instance."
        )
    return labeler, seen


def _check_not_none(**numbers: int | None) -> None:
    for name, value in numbers.items():
        if value is not None and (not isinstance(value, Integral) or value < 1):
            raise ValueError(f"{name}={value!r}, but an integer of at least 1 is needed.")


def _region(pixel: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return a mask (H, W) of the pixels to explain."""
    given = np.asarray(pixel)
    height, width = shape[:2]
    if given.dtype == bool and given.shape == (height, width) and given.any():
        return given
    inside = given.shape == (2,) and given.dtype.kind in "iu" and (given >= 0).all()
    if not inside or given[0] >= height or given[1] >= width:
        raise ValueError(
            f"pixel={pixel!r}, but one (row, column) of the {height} x {width} pixels is needed, "
            "or a mask of that shape, bool, with at least one of them."
        )
    region = np.zeros((height, width), bool)
    region[tuple(given)] = True
    return region


def _choose(method: str, smooth: bool, labeler: Any) -> str:
    if method == "integrated_gradients" and not smooth:
        raise ValueError(
            f"method='integrated_gradients' needs gradients, but there are none through "
            f"{labeler.encoder!r} and {labeler.estimator.estimator!r}. Pass method='occlusion'."
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


def _usual_side(question: AttributionTarget) -> int:
    """Return a third of the side of the receptive field of one pixel, in pixels."""
    shape = question.window.shape[:2]
    field = max(
        size - (part.stop - part.start) + 1 for size, part in zip(shape, question.tile, strict=True)
    )
    return min(max(MIN_SQUARE, round(SQUARE * field)), *shape)
