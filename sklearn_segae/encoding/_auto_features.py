"""Selection of features="auto", pooling="auto" and whitening="auto" by description length."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from ..imaging._no_data import missing_at, missing_in, rows_with_data, spread
from ..imaging._scaling import scaled
from ..imaging._tiles import Tile, balanced_tiles, full_tile, per_axis
from ._blocks import Block
from ._codes import FeatureSettings, fit_colors_and_texture, fit_wide_texture, read_blocks
from ._description_length import DescriptionLength, length_of_labels
from ._feature_sampling import FeatureSampler, flatten_map
from ._gap_statistic import gap_statistic
from ._pooling import MAX_CONTRAST_SIGMA, along
from ._projection import N_COLORS, weighted_colors
from ._spectra import SPECTRUM

N_SEGMENTS = 4  # if the number is not known
# Candidates for the pooling of intensities of images and volumes, in pixels, sorted. They reduce
# noise by about the same factors.
SIGMAS = {2: (0.0, 1.0, 2.0, 4.0), 3: (0.0, 0.6, 1.0, 1.6)}
# A wider one has to shorten the labels to this share. Labels of noisy images are speckled, and
# mostly fall below a half; smooth maps are only rounded. Measured: 0.62 to 0.8 are about as good.
LARGEST_SHARE, LARGEST_SHARE_OF_VOLUMES = 2 / 3, 0.75
# The same for more than three channels, and the nats per pixel by which the description has to be
# shorter, since near ties are undecided. Measured: 0.8 to 0.9, and 0.01 to 0.05.
LARGEST_SHARE_OF_SPECTRA, LEAST_GAIN_OF_SPECTRA = 0.85, 0.02
SIGMA = 8.0  # pooling for textures in pixels; less in small images
SIGMAS_PER_SIDE = 32
CONTRAST = {2: 2, 3: 0}  # scale of contrast normalization, relative to pooling; 0: none
VOLUME_SIGMA = 4.0  # the same for volumes, whose neighborhoods have more pixels
VOLUME_SIGMAS_PER_SIDE = 16
SLAB_REACH = 4  # slices around a slice that its pooling sees, in standard deviations
SMALLER = 0.6  # of that pooling, another candidate for small images
CROP_SIDE = 128  # in pixels
LEAST_CROPS, CROPS_PER_IMAGE, MOST_CROPS = 9, 4, 24
MOST_MISSING = 0.5  # share of the pixels of a crop without data
TINY = 1e-12
LEAST_SIDE = 5  # of a crop in pixels, for the neighbors of a pixel
N_FIT = 5_000  # pixels that candidates are fitted to
K_MEANS = KMeans(n_init=4)
N_COMPONENTS = 16
N_FILTERS = 12  # of the untrained network
N_TILES = 8  # for the projection of its features
# Nats per pixel by which texture has to shorten the description, and the share that this rises by
# for the first nat that intensity explains. Measured: 0.2 and more in images of textures but one
# (0.12), 0.11 and less in other sets of images, 0.18 and less in scenes of gray values and texture.
LEAST_GAIN, RISE = 0.15, 0.25
LEAST_GAIN_ALONE = 0.02  # the same, over one segment, where intensities explain nothing
LEAST_GAIN_OF_BOTH = 0.02  # the same for "intensity+texture"; alloys: 0.04
# Nats per pixel that labels of coherent segments cost at most. Measured: intensities of objects
# below 0.06, of textures, which are speckled, 0.10 or more.
COHERENT = 0.08
# A lower gap means that colors have one cluster (alloys: 0.01; other data sets: 0.12 or more).
LEAST_GAP = 0.06
GAP_NUMBERS, N_GAP = (3, 4, 5), 2_500

Maps = list[np.ndarray]


class Candidate(NamedTuple):
    """A segmentation of the crops."""

    length: float  # of its description
    features: str
    pooling: float
    maps: Maps


def settings_of(
    features: str, pooling: float, whitening: float, n_axes: int = 2
) -> FeatureSettings:
    """Return settings; whitened textures are seen in two views."""
    # Without whitening, brightness is part of the variance to keep.
    two_views = features == "texture" and whitening
    contrast_sigma = min(CONTRAST[n_axes] * pooling, MAX_CONTRAST_SIGMA) if two_views else 0
    return FeatureSettings(features, float(pooling), float(whitening), float(contrast_sigma))


def texture_scale(images: Sequence[np.ndarray]) -> float:
    """Return the pooling for textures, proportional to the median shorter side of the images."""
    side = float(np.median([min(image.shape[:2]) for image in images]))
    return min(SIGMA, side / SIGMAS_PER_SIDE)


def volume_texture_scale(volumes: Sequence[Any], voxel: Sequence[float]) -> float:
    """Return the pooling for textures of volumes, in the smallest sides of voxels."""
    sides = [np.multiply(volume.shape[:-1], voxel).min() for volume in volumes]
    return min(VOLUME_SIGMA, float(np.median(sides)) / VOLUME_SIGMAS_PER_SIDE)


class FeatureSelection:
    """Select features by segmenting crops of images with each candidate.

    Intensities come first: they are pooled where this shortens the description by independent
    pixels and removes speckles from the labels. The selected ones are compared with textures by the
    description by dependent pixels. Texture has to be clearly shorter, since it is the more complex
    explanation. Where segments of intensities are coherent objects, textures are not tried.

    Parameters
    ----------
    sampler : FeatureSampler
        Of images and an untrained network.
    n_segments : int
    clusterer : clusterer or mixture
        Unfitted; segments intensities.
    sigmas : sequence of float
        Candidates for the pooling of intensities, sorted.
    voxel : sequence of float, default=()
        Relative sides of the voxels of volumes, if `sampler` has slices of these. Intensities are
        pooled along z, too.
    scale : float, default=None
        Pooling for textures of volumes.
    """

    def __init__(
        self,
        sampler: FeatureSampler,
        n_segments: int = N_SEGMENTS,
        clusterer: Any = K_MEANS,
        sigmas: Sequence[float] = SIGMAS[2],
        voxel: Sequence[float] = (),
        scale: float | None = None,
    ) -> None:
        self.n_segments = n_segments
        self.clusterer = clusterer
        self.sigmas = sigmas
        self.whole = sampler
        self.texture_scale = texture_scale(sampler.images)
        self.voxel = voxel
        self.scale = scale
        self.seed = int(sampler.rng.integers(2**31))

    @property
    def best(self) -> Candidate:
        """The selected candidate."""
        if self.is_textured:
            return self.texture
        both = self.both
        return self.intensity if both is None else both

    def pooling_for(self, features: str) -> float:
        """Return the pooling for features in pixels."""
        if features == "intensity":
            return self.intensity.pooling
        if self.scale is not None:
            return self.scale
        if features == "intensity+texture":
            return self.texture_scale / 2
        if features == "texture" and self.is_textured:
            return self.texture.pooling
        return self.texture_scale

    @cached_property
    def intensity(self) -> Candidate:
        """The intensities with a short description by independent pixels."""
        if not self._can_compare:
            pooling = self.sigmas[min(1, len(self.sigmas) - 1)]
            return Candidate(0.0, "intensity", pooling, [])
        best, *wider = self._intensities()
        least = LEAST_GAIN_OF_SPECTRA if self._has_spectra else 0
        for candidate in wider:
            if candidate.length < best.length - least and self._removes_speckles(best, candidate):
                best = candidate
        return best

    @cached_property
    def texture(self) -> Candidate:
        """The textures with the shortest description by dependent pixels."""
        first = self._textures_at(1.0)
        close = self._baseline - first.length > self._needed / 2
        if self.texture_scale == SIGMA or not close:
            return first
        return min(first, self._textures_at(SMALLER), key=lambda candidate: candidate.length)

    @cached_property
    def is_textured(self) -> bool:
        """Whether textures explain what intensities do not."""
        if not self._can_have_texture or self._is_coherent:
            return False
        if self._baseline - self.texture.length > self._needed:
            return True
        gain = self.length.autoregressive(self._whole) - self.texture.length
        return self._explained <= 0 and gain > LEAST_GAIN_ALONE

    @cached_property
    def both(self) -> Candidate | None:
        """Intensity with texture, if colors have one cluster only and the description shortens.

        Not for volumes: noise, which averages along z remove, is a texture in a slice.
        """
        if self.voxel or not (self._can_have_texture and self._has_one_cluster()):
            return None
        pooling = self.pooling_for("intensity+texture")
        block = fit_colors_and_texture(
            self.sampler, settings_of("intensity+texture", pooling, 1), N_COMPONENTS
        )
        both = self._candidate("intensity+texture", pooling, block)
        gain = self._baseline - both.length
        return both if gain > LEAST_GAIN_OF_BOTH else None

    @cached_property
    def sampler(self) -> FeatureSampler:
        """Samples from the crops."""
        crops = [np.asarray(image[tile]) for image, tile in self.places]
        return FeatureSampler(self.whole.reader, crops, self.whole.rng)

    @cached_property
    def places(self) -> list[tuple[Any, Tile]]:
        """Image and tile of each crop."""
        return _crops(self.whole)

    @cached_property
    def colors(self) -> Maps:
        """Uncorrelated colors (h, w, c) of the crops."""
        return self._projected(self._color_axes, self.sampler.images)

    @cached_property
    def intensities(self) -> Maps:
        """Components (h, w, q) of the crops that "intensity" segments."""
        if not self._has_spectra:
            return self.colors
        return self._projected(self._intensity_axes, self.sampler.images)

    @cached_property
    def slabs(self) -> list[tuple[np.ndarray, int]]:
        """The same components (d, h, w, q) of the crops and slices around; place of the crop."""
        reach = int(np.ceil(SLAB_REACH * max(self.sigmas) / self.voxel[0]))
        parts, places = zip(*(i.slab(tile, reach) for i, tile in self.places), strict=True)
        axes = self._intensity_axes if self._has_spectra else self._color_axes
        return list(zip(self._projected(axes, parts), places, strict=True))

    @property
    def _color_axes(self) -> np.ndarray:
        return weighted_colors(self.whole.color_axes, 0)

    @property
    def _intensity_axes(self) -> np.ndarray:
        return self.whole.intensity_axes(0)

    def _projected(self, axes: np.ndarray, parts: Sequence[np.ndarray]) -> Maps:
        axes, scale = axes.astype(np.float32), self.whole.reader.scale
        return [scaled(part, scale).astype(np.float32) @ axes for part in parts]

    def _pooled(self, sigma: float) -> Maps:
        """Return the components of the crops, averaged over neighborhoods."""
        if not self.voxel:
            return [_blurred(c, sigma) for c in self.intensities]
        sigmas = along(sigma, self.voxel)
        return [_blurred(part, sigmas)[place] for part, place in self.slabs]

    @cached_property
    def length(self) -> DescriptionLength:
        """Description lengths of maps of the crops."""
        rows = self._rows_of(self.colors)
        mean, spread = rows.mean(0), np.maximum(rows.std(0), 1e-12)
        return DescriptionLength([(c - mean) / spread for c in self.colors], self.n_segments)

    @property
    def _can_compare(self) -> bool:
        if self.whole.color_axes.shape[1] == 0:
            return False
        n_pixels = sum(len(self._rows_of([color])) for color in self.colors)
        # Pixels at the border of a crop are not described; there may be data in no others.
        return n_pixels > self.n_segments and self.length.n_pixels > self.n_segments

    @property
    def _has_spectra(self) -> bool:
        return len(self.whole.color_axes) > N_COLORS

    @property
    def _can_have_texture(self) -> bool:
        few_channels = len(self.whole.color_axes) <= SPECTRUM
        return self._can_compare and few_channels and self.texture_scale >= 1

    @cached_property
    def _needed(self) -> float:
        """Nats per pixel by which texture has to shorten the description."""
        return LEAST_GAIN * (1 + RISE * float(np.clip(self._explained, 0, 1)))

    @property
    def _is_coherent(self) -> bool:
        """Whether segments of intensities explain much and are no speckles."""
        cost = length_of_labels(self.intensity.maps, self.n_segments) / self.length.n_pixels
        return self._explained > 0 and cost < COHERENT

    @property
    def _whole(self) -> Maps:
        """Maps of one segment."""
        return [np.minimum(m, 0) for m in self.intensity.maps]  # -1: no data

    @cached_property
    def _explained(self) -> float:
        """Nats per pixel that intensities explain."""
        return self.length.independent(self._whole) - self.intensity.length

    @cached_property
    def _baseline(self) -> float:
        """Length of the selected intensities by dependent pixels."""
        return self.length.autoregressive(self.intensity.maps)

    def _intensities(self) -> Iterator[Candidate]:
        """Segment intensities with wider and wider pooling."""
        for sigma in self.sigmas:
            maps = self._segment(self._pooled(sigma), self.clusterer)
            yield Candidate(self.length.independent(maps), "intensity", sigma, maps)

    def _removes_speckles(self, narrow: Candidate, wide: Candidate) -> bool:
        """Return whether wider pooling shortens the labels as it does in noisy images.

        In clean images, too, the whole description may become shorter, since blurred borders move
        the thresholds between segments; small objects would grow.
        """
        before, after = (length_of_labels(c.maps, self.n_segments) for c in (narrow, wide))
        share = LARGEST_SHARE_OF_VOLUMES if self.voxel else LARGEST_SHARE
        if self._has_spectra:
            share = LARGEST_SHARE_OF_SPECTRA
        return after < share * before

    def _textures_at(self, scale: float) -> Candidate:
        settings = settings_of("texture", max(1.0, scale * self.texture_scale), 1)
        block = fit_wide_texture(self.sampler, settings, N_COMPONENTS, N_TILES)
        return self._candidate("texture", settings.pooling, block)

    def _candidate(self, features: str, pooling: float, block: Block) -> Candidate:
        """Cluster the components of a block on a grid."""
        step = max(1, int(pooling / 4))
        reader, crops = self.sampler.reader, self.sampler.images
        codes = [read_blocks(reader, [block], crop, full_tile(crop.shape), step) for crop in crops]
        coarse = self._segment(codes, K_MEANS)
        maps = [_repeat(m, step, c.shape) for m, c in zip(coarse, crops, strict=True)]
        return Candidate(self.length.autoregressive(maps), features, pooling, maps)

    def _segment(self, codes: Maps, clusterer: Any) -> Maps:
        """Return label maps (h, w) of codes (h, w, F), -1 where these are NaN."""
        rows = self._rows_of(codes)
        some = np.random.default_rng(self.seed).permutation(rows)[:N_FIT]
        number = "n_clusters" if hasattr(clusterer, "n_clusters") else "n_components"
        own = clone(clusterer).set_params(**{number: self.n_segments, "random_state": self.seed})
        with warnings.catch_warnings():  # candidates may have fewer segments, and need not converge
            warnings.simplefilter("ignore", ConvergenceWarning)
            labels = own.fit(some).predict(rows)
        known = [~np.isnan(m[..., 0]) for m in codes]
        ends = np.cumsum([k.sum() for k in known])[:-1]
        pairs = zip(np.split(labels, ends), known, strict=True)
        return [spread(part, ~own) for part, own in pairs]

    @staticmethod
    def _rows_of(maps: Maps) -> np.ndarray:
        """Return the values (n, F) of all pixels with data."""
        return rows_with_data(np.concatenate([flatten_map(m) for m in maps]))

    def _has_one_cluster(self) -> bool:
        rows = self._rows_of(self.colors)
        some = np.random.default_rng(self.seed).permutation(rows)[:N_GAP]
        return gap_statistic(some, GAP_NUMBERS, self.seed) <= LEAST_GAP


def _crops(sampler: FeatureSampler) -> list[tuple[Any, Tile]]:
    """Return image and tile of crops of random images large enough to have neighborhoods.

    First those with data in most pixels, then others with some.
    """
    every = [
        (image, tile)
        for image in sampler.images
        if min(image.shape[:2]) >= LEAST_SIDE
        for tile in balanced_tiles(image.shape, CROP_SIDE)
    ]
    n_crops = int(np.clip(CROPS_PER_IMAGE * len(sampler.images), LEAST_CROPS, MOST_CROPS))
    drawn = (every[i] for i in sampler.rng.permutation(len(every)))
    full, others = [], []
    for image, tile in drawn:
        missing = missing_at(image, tile)
        if missing is None or missing.mean() <= MOST_MISSING:
            full.append((image, tile))
        elif not missing.all():
            others.append((image, tile))
        if len(full) == n_crops:
            break
    return [*full, *others[: n_crops - len(full)]]


def _blurred(maps: np.ndarray, sigma: Any) -> np.ndarray:
    """Return averages over Gaussian neighborhoods, of pixels with data in (h, w, C)."""
    missing, sigmas = missing_in(maps), (*per_axis(sigma, maps.ndim - 1), 0)
    if missing is None or not any(sigmas):
        return ndimage.gaussian_filter(maps, sigmas)
    weights = (~missing[..., None]).astype(maps.dtype)
    total, weight = (ndimage.gaussian_filter(m, sigmas) for m in (np.nan_to_num(maps), weights))
    return np.where(missing[..., None], np.nan, total / np.maximum(weight, TINY))


def _repeat(labels: np.ndarray, step: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return labels of all pixels, given those of every `step`-th."""
    return labels[np.ix_(*(np.arange(size) // step for size in shape[:2]))]
