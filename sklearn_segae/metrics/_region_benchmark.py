"""The region benchmark of the Berkeley segmentation data, with trivial segmentations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from ..imaging._label_maps import IgnoreLabel
from ._contingency import nothing_labeled
from ._region_scores import Agreement, agreement, annotated_maps

GRID_SIDES = 2, 4, 8  # cells along each side of the grids


@dataclass(frozen=True)
class RegionScores:
    """Scores at the best scale for all images (ODS) and at the best scale of every image (OIS).

    Parameters
    ----------
    covering_ods, covering_ois : float
        Covering; higher is better.
    pri_ods, pri_ois : float
        Probabilistic Rand index; higher is better.
    vi_ods, vi_ois : float
        Variation of information in bits; lower is better.
    scale : int
        Index of the scale of `covering_ods`.
    """

    covering_ods: float
    covering_ois: float
    pri_ods: float
    pri_ois: float
    vi_ods: float
    vi_ois: float
    scale: int


@dataclass(frozen=True)
class RegionBenchmark:
    """Result of `region_benchmark`; its string is a table.

    Parameters
    ----------
    segmentation : RegionScores
        Scores of the segmentations.
    one_segment : RegionScores
        Scores of a single segment per image.
    blind_grid : RegionScores
        Scores of grids of 2 x 2, 4 x 4 and 8 x 8 cells, which are its three scales; of volumes,
        2 x 2 x 2 and so on.
    """

    segmentation: RegionScores
    one_segment: RegionScores
    blind_grid: RegionScores

    def __str__(self) -> str:
        lines = [f"{'ODS / OIS':14}{'covering':^15}{'PRI':^15}{'VI (bits)':^15}".rstrip()]
        for name, row in vars(self).items():
            pairs = (
                (row.covering_ods, row.covering_ois),
                (row.pri_ods, row.pri_ois),
                (row.vi_ods, row.vi_ois),
            )
            cells = (f"{ods:.3f} / {ois:.3f}" for ods, ois in pairs)
            lines.append(f"{name.replace('_', ' '):14}" + "  ".join(cells))
        return "\n".join(lines)


def region_benchmark(
    y_true: Iterable[Any], y_scales: Iterable[Any], *, ignore_label: IgnoreLabel = None
) -> RegionBenchmark:
    """Score segmentations at several scales against several annotators [1]_.

    Returns covering, probabilistic Rand index and variation of information, each at the scale that
    is best for all images together (ODS) and at the best scale of every image (OIS). The Rand index
    favors many regions and the variation of information few. Two trivial segmentations, which do
    not depend on the images, are scored as well for comparison.

    Parameters
    ----------
    y_true : iterable of arrays (H, W) or (D, H, W), or of lists of these, of int
        The label map of every image, or a list of the maps of its annotators.
    y_scales : iterable of lists of arrays (H, W) or (D, H, W), of int
        The segmentations of every image at all scales, the same number for each image, such as
        `[tree.cut(n_segments=k) for k in (2, 4, 8, 16)]`. With a generator, only the maps of one
        image are in memory at a time.
    ignore_label : int, str, sequence of these, or None, default=None
        True labels of pixels to leave out, besides unlabeled ones (-1, NaN, None, "" or masked).

    Returns
    -------
    benchmark : RegionBenchmark
        The scores `segmentation`, `one_segment` and `blind_grid`; `print` shows a table.

    See Also
    --------
    covering, probabilistic_rand_index, variation_of_information : The scores of one scale.

    References
    ----------
    .. [1] P. Arbelaez, M. Maire, C. Fowlkes, J. Malik, "Contour detection and hierarchical image
       segmentation", IEEE TPAMI 33, 2011, doi:10.1109/TPAMI.2010.161.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_segae.metrics import region_benchmark
    >>> halves = np.repeat([[0, 0, 0, 0, 1, 1, 1, 1]], 8, axis=0)
    >>> stripes = np.repeat([[0, 0, 1, 1, 2, 2, 3, 3]], 8, axis=0)
    >>> print(region_benchmark([[halves, stripes]], [[halves, stripes]]))
    ODS / OIS        covering          PRI         VI (bits)
    segmentation  0.750 / 0.750  0.873 / 0.873  0.500 / 0.500
    one segment   0.375 / 0.375  0.365 / 0.365  1.500 / 1.500
    blind grid    0.417 / 0.417  0.746 / 0.746  1.500 / 1.500
    """
    rows: dict[str, list] = {"segmentation": [], "one_segment": [], "blind_grid": []}
    n_scales = n_pixels = 0
    for i, (truth, maps) in enumerate(zip_longest(y_true, y_scales)):
        if truth is None or maps is None:
            shorter = "y_true" if truth is None else "y_scales"
            raise ValueError(f"{shorter} ends after {i} images. Pass both for the same images.")
        n_scales, n_pixels = n_scales or len(maps), n_pixels + np.size(maps[:1])
        _check_scales(i, maps, n_scales)
        truths = annotated_maps(truth, maps[0], ignore_label)
        if not truths:
            continue
        segmentations = maps, *_trivial_segmentations(np.shape(maps[0]))
        for row, scales in zip(rows.values(), segmentations, strict=True):
            row.append([agreement(truths, labels, ignore_label) for labels in scales])
    if not rows["segmentation"]:
        raise ValueError(nothing_labeled(n_pixels, ignore_label))
    return RegionBenchmark(**{name: _best_scales(row) for name, row in rows.items()})


def _check_scales(i: int, maps: Any, n_scales: int) -> None:
    if len(maps) == 0 or len(maps) != n_scales:
        raise ValueError(
            f"y_scales has {len(maps)} scales for image {i} and {n_scales} for the first. "
            "Pass the same number for every image, at least one."
        )
    if np.ndim(maps[0]) not in (2, 3):
        raise ValueError(
            f"y_scales[{i}][0] has shape {np.shape(maps[0])}, but one label map (H, W) or "
            "(D, H, W) is needed. Pass for every image a list of its maps, one for each scale."
        )


def _trivial_segmentations(shape: tuple[int, ...]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return one segment, at a single scale, and grids, at several scales."""
    sides = np.reshape(shape, (-1, *[1] * len(shape)))
    grids = [np.indices(shape) * n // sides for n in GRID_SIDES]
    cells = [
        np.ravel_multi_index(tuple(grid), (n,) * len(shape))
        for grid, n in zip(grids, GRID_SIDES, strict=True)
    ]
    return [np.zeros(shape, int)], cells


def _best_scales(rows: list[list[Agreement]]) -> RegionScores:
    # Arrays (n_images, n_scales); areas are the same at every scale.
    covered, areas, rand, variation = np.moveaxis(np.array(rows), -1, 0)
    area = areas[:, 0].sum()
    return RegionScores(
        covering_ods=float(covered.sum(0).max() / area),
        covering_ois=float(covered.max(1).sum() / area),
        pri_ods=float(rand.mean(0).max()),
        pri_ois=float(rand.max(1).mean()),
        vi_ods=float(variation.mean(0).min()),
        vi_ois=float(variation.min(1).mean()),
        scale=int(covered.sum(0).argmax()),
    )
