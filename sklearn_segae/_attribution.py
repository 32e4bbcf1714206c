"""Which pixels and channels decide about a label."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import ndimage
from sklearn.utils import Bunch, check_random_state
from torch import Tensor

from ._explained import LogOdds, Question, TorchLogOdds, ask, is_differentiable
from ._files import require
from ._inside import check_named, look_inside
from ._tiles import Tile, read_tile

METHODS = ("auto", "integrated_gradients", "occlusion")
BASELINES = ("rival", "mean")
# Of the side of a window, where the size of squares was left open: what smaller ones hide is told
# by their neighbours, so that nothing seems to matter.
SQUARE = 1 / 3
MIN_SQUARE = 3  # in pixels
AT_ONCE = 8  # windows that a network sees at once
INSIDE = 0.5  # of the largest distance to a border: baselines show a segment, not its margin


def pixel_attribution(
    segmenter: Any,
    image: Any,
    pixel: Any,
    segment: Any = None,
    *,
    against: Any = None,
    method: str = "auto",
    baseline: str = "rival",
    n_baselines: int = 8,
    n_steps: int = 16,
    square: int | None = None,
    random_state: Any = 0,
) -> Bunch:
    """Tell which pixels and channels made a pixel this segment, rather than another one.

    Explained are the log-odds of the segment against its rival, that is the difference of their
    log-probabilities, a mean over the pixels of a region. Of the label alone nothing could be told
    but that it changes; of the probability next to nothing where it is near 1. The exposure of the
    image is taken as given, and the absorption of small patches (`min_size`) is left out.

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
        Its rival. None: the likeliest other.
    method : {"auto", "integrated_gradients", "occlusion"}, default="auto"
        "integrated_gradients" [1]_ follows gradients from a baseline to the image. It needs a
        :class:`~sklearn_segae.PixelEncoder` and, at the end, k-means, a Gaussian mixture, a linear
        classifier, a :class:`~sklearn_segae.PixelHead`, or refined borders. "occlusion" [2]_
        replaces one square of one channel after the other by the baseline; for any encoder and
        estimator, forests too. "auto" takes gradients where there are some.
    baseline : {"rival", "mean"}, default="rival"
        What pixels are compared with. "rival": real places of this image that belong to the rival,
        so that what both have in common cancels; where there is none, as "mean". "mean": the mean
        pixel of the image, a flat grey that textures are far from.
    n_baselines : int, default=8
        Random places of the rival; attributions are means over them.
    n_steps : int, default=16
        Gradients on the way from each baseline to the image.
    square : int, default=None
        Attributions of squares with this side, in pixels. None: of single pixels by gradients, of
        squares with a third of the side of the receptive field by occlusion, where they overlap by
        half and what they were found to add is averaged.
    random_state : int, RandomState instance or None, default=0
        Chooses baselines.

    Returns
    -------
    why : Bunch
        attribution : ndarray of shape (H', W', C), float32
            Of all pixels that the label can depend on, in nats: positive where they speak for the
            segment. By gradients they add up to `log_odds - baseline_log_odds`. What a
            square was found to add is spread evenly over its pixels.
        channels : ndarray of shape (C,)
            The sums over the pixels.
        window : (slice, slice)
            Rows and columns of the image that `attribution` belongs to.
        pixels : ndarray of shape (H', W', C)
            The image there.
        region : ndarray of shape (H', W'), bool
            The explained pixels.
        segment, against : labels
            The explained one and its rival.
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
    """
    check_named("method", method, METHODS)
    check_named("baseline", baseline, BASELINES)
    image = np.asarray(image)
    labelling, seen = _look(segmenter, image)
    question = ask(labelling, seen, _region(pixel, seen.shape))
    smooth = is_differentiable(labelling)
    method = _choose(method, smooth, labelling)
    odds = (TorchLogOdds if smooth else LogOdds)(labelling, question)
    odds.choose(segment, against)
    rng = check_random_state(random_state)
    windows = _baselines(baseline, odds, seen, n_baselines, rng)
    x, starts = odds.tensor(question.window), [odds.tensor(window) for window in windows]
    explain = _integrate if method == "integrated_gradients" else _occlude
    mean = torch.stack([explain(odds, x, s, n_steps, square)[0] for s in starts]).mean(0)
    attribution = mean.movedim(0, -1).float().cpu().numpy()
    with torch.no_grad():
        log_odds, *others = (float(odds(window)) for window in (x, *starts))
    return Bunch(
        attribution=attribution,
        channels=attribution.sum((0, 1)),
        window=question.place,
        pixels=np.atleast_3d(image)[question.place],
        region=question.region,
        segment=odds.labels[odds.segment],
        against=odds.labels[odds.rival],
        log_odds=log_odds,
        baseline_log_odds=float(np.mean(others)),
        method=method,
    )


def _look(segmenter: Any, image: np.ndarray) -> tuple[Any, np.ndarray]:
    if getattr(segmenter, "rows_", False):
        raise ValueError(
            "pixel_attribution explains images, but the segmenter was fitted with rows. Rows have "
            "no neighbours: sklearn.inspection.permutation_importance tells of their columns."
        )
    ((labelling, seen),) = look_inside(segmenter, [image])
    if not hasattr(segmenter, "predict_proba"):
        raise ValueError(
            f"estimator={labelling.estimator!r} has neither probabilities nor distances, which "
            "pixel_attribution explains. Choose another, KMeans for instance."
        )
    return labelling, seen


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


def _choose(method: str, smooth: bool, labelling: Any) -> str:
    if method == "integrated_gradients" and not smooth:
        raise ValueError(
            f"method='integrated_gradients' needs gradients, but there are none through "
            f"{labelling.coder!r} and {labelling.estimator!r}. Pass method='occlusion'."
        )
    if method == "auto":
        return "integrated_gradients" if smooth else "occlusion"
    return method


def _baselines(
    baseline: str, odds: LogOdds, seen: np.ndarray, n: int, rng: np.random.RandomState
) -> list[np.ndarray]:
    """Return windows (H', W', C) to compare with."""
    shape = odds.question.window.shape
    if baseline == "rival":
        rival = odds.labelling.label_map(seen) == odds.labels[odds.rival]
        if rival.any():
            return [read_tile(seen, t, 0) for t in _places(rival, odds.question, n, rng)]
    return [np.broadcast_to(seen.mean((0, 1)), shape)]


def _places(
    rival: np.ndarray, question: Question, n: int, rng: np.random.RandomState
) -> list[Tile]:
    """Return tiles the size of a window, the middle of its region on random pixels of the rival."""
    depth = ndimage.distance_transform_edt(np.pad(rival, 1))[1:-1, 1:-1]
    pool = np.argwhere(depth >= INSIDE * depth.max())
    middle = [(part.start + part.stop) // 2 for part in question.tile]
    starts = pool[rng.randint(len(pool), size=n)] - middle
    height, width = question.window.shape[:2]
    return [(slice(int(y), int(y) + height), slice(int(x), int(x) + width)) for y, x in starts]


def _integrate(odds: LogOdds, x: Tensor, start: Tensor, n_steps: int, square: int | None) -> Tensor:
    gradients = require("captum.attr", "inspect").IntegratedGradients(odds)
    found = gradients.attribute(x, start, n_steps=n_steps, internal_batch_size=AT_ONCE).detach()
    return found if square is None else _evenly(found, square)


def _occlude(odds: LogOdds, x: Tensor, start: Tensor, n_steps: int, square: int | None) -> Tensor:
    longest = max(x.shape[-2:])
    side = min(square or max(MIN_SQUARE, round(SQUARE * longest)), *x.shape[-2:])
    step = max(1, side // 2)
    with torch.no_grad():
        found = (
            require("captum.attr", "inspect")
            .Occlusion(odds)
            .attribute(
                x,
                (1, side, side),
                strides=(1, step, step),
                baselines=start,
                perturbations_per_eval=AT_ONCE,
            )
        )
    return found / side**2


def _evenly(maps: Tensor, side: int) -> Tensor:
    """Spread what the squares of maps (1, C, H, W) hold over their pixels."""
    height, width = maps.shape[-2:]
    room = torch.nn.functional.pad(maps, (0, -width % side, 0, -height % side))
    area = torch.nn.functional.pad(torch.ones_like(maps), (0, -width % side, 0, -height % side))
    total, n_pixels = (torch.nn.functional.avg_pool2d(m, side) for m in (room, area))
    even = (total / n_pixels).repeat_interleave(side, 2).repeat_interleave(side, 3)
    return even[..., :height, :width]
