"""Segment hyperspectral cubes, without labels and by a few strokes.

    python benchmarks/spectral_cubes.py [--first 0] [--draws 20] [--bands 30 80 200] [--scene FILE]
    python benchmarks/spectral_cubes.py --labels [--first 0] [--draws 10] [--scene FILE]

Synthetic cubes of 72 x 72 pixels and 3 to 8 classes, whose layout (smooth regions, fields, thin
lines), spectra (more or less alike), mixing at borders and within classes, illumination, noise (10
to 30 dB; white, correlated, or different between bands), gains of bands and bands of water
absorption are drawn. `--scene` adds the first image of a file as in `few_labels.py`.

Without labels: mean IoU after matching, given the number of classes, of k-means on raw and on
standardized spectra, on 8 principal components and on averages of standardized spectra (sigma 1),
and of AESegmenter. With `--labels`: strokes on 1 % of the pixels are drawn in half of the blocks of
16 x 16 pixels, and the mean IoU is that of the other half, for both halves and three draws; a
forest on spectra, and AESegmenter with the same forest. Seconds are those of one core.
"""

import argparse
from functools import partial
from pathlib import Path
from time import process_time

import numpy as np
import torch
from few_labels import forest, load, scribble
from scipy import ndimage
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.metrics import mean_iou
from sklearn_segae.model_selection import SpatialBlockKFold

VOID = -1


def make_cube(seed, all_bands, size=72):
    """Return a cube (H, W, bands) and its classes (H, W)."""
    rng = np.random.default_rng(1000 + seed)
    n_bands = int(rng.choice(all_bands))
    layout = (smooth_regions, fields, lines)[seed % 3]
    labels = layout(rng, size, int(rng.integers(3, 9)))
    labels = np.unique(labels, return_inverse=True)[1].reshape(size, size)
    k = labels.max() + 1
    spectra = 0.1 + 0.9 * curves(rng, k, n_bands, rng.choice([1 / 25, 1 / 12, 1 / 6]))
    alike = rng.choice([0, 0.5, 0.8])
    spectra = alike * (0.1 + 0.9 * curves(rng, 1, n_bands, 1 / 12)) + (1 - alike) * spectra
    shares = ndimage.gaussian_filter(np.eye(k)[labels], (*[rng.choice([0, 0.7, 1.2])] * 2, 0))
    others = np.exp(np.stack([field(rng, size, 4) for _ in range(k)], -1))
    inside = rng.choice([0, 0.15, 0.3])
    shares = (1 - inside) * shares + inside * others / others.sum(-1, keepdims=True)
    light = np.exp(rng.choice([0, 0.1, 0.25]) * field(rng, size, rng.choice([1, 6])))
    cube = (shares @ spectra) * light[..., None]
    noise = np.sqrt(np.mean(cube**2) / 10 ** (rng.choice([10, 15, 20, 25, 30]) / 10))
    cube = cube + noise * noise_of(rng, cube.shape, rng.choice(["white", "correlated", "bands"]))
    if rng.random() < 0.5:
        for place in rng.choice([0.25, 0.4, 0.55, 0.7], 2, replace=False):
            water = slice(int(place * n_bands), int(place * n_bands) + max(2, n_bands // 15))
            strong = rng.choice([1, 4]) * noise * rng.standard_normal(cube[..., water].shape)
            cube[..., water] = 0.02 * cube[..., water] + strong
    if rng.random() < 0.5:
        cube = cube * np.exp(2 * curves(rng, 1, n_bands, 1 / 8) - 1)
    return (1000 * cube).astype(np.float32), labels


def curves(rng, n, n_bands, width):
    """Smooth random spectra (n, n_bands) from 0 to 1."""
    noise = rng.standard_normal((n, n_bands))
    smooth = ndimage.gaussian_filter1d(noise, width * n_bands, axis=1, mode="wrap")
    low, high = smooth.min(1, keepdims=True), smooth.max(1, keepdims=True)
    return (smooth - low) / (high - low)


def field(rng, size, sigma):
    smooth = ndimage.gaussian_filter(rng.standard_normal((size, size)), sigma, mode="wrap")
    return smooth / smooth.std()


def noise_of(rng, shape, kind):
    noise = rng.standard_normal(shape)
    if kind == "correlated":
        noise = ndimage.gaussian_filter1d(noise, rng.choice([1, 3]), axis=2, mode="wrap")
        return noise / noise.std()
    return (
        noise * np.exp(1.6 * curves(rng, 1, shape[2], 1 / 20) - 0.8) if kind == "bands" else noise
    )


def smooth_regions(rng, size, k):
    sigma = size / rng.uniform(10, 20)
    return np.stack([field(rng, size, sigma) for _ in range(k)]).argmax(0)


def fields(rng, size, k):
    """Oblique rectangular parcels, several of each class."""
    n, angle = k * rng.integers(2, 5), rng.uniform(0, np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    axes = turn * [[1], [rng.uniform(1, 2.5)]]
    pixels = np.stack(np.mgrid[:size, :size], -1) @ axes.T
    centers = rng.uniform(0, size, (n, 2)) @ axes.T
    nearest = np.abs(pixels[:, :, None] - centers).max(-1).argmin(-1)
    return np.concatenate([np.arange(k), rng.integers(0, k, n - k)])[nearest]


def lines(rng, size, k):
    labels, level = smooth_regions(rng, size, k - 1), field(rng, size, size / 12)
    slope = np.hypot(*np.gradient(level))
    return np.where(np.abs(level) < slope * rng.uniform(1, 1.8), k - 1, labels)


def standardized(cube):
    spread = cube.std((0, 1))
    return (cube - cube.mean((0, 1))) / np.where(spread > 0, spread, 1)


def clustered(features, cube, k, seed):
    maps = features(cube)
    rows = maps.reshape(-1, maps.shape[2])
    return KMeans(k, n_init=10, random_state=seed).fit_predict(rows).reshape(maps.shape[:2])


def principal(cube):
    rows = standardized(cube).reshape(-1, cube.shape[2])
    n = min(8, cube.shape[2])
    return PCA(n, random_state=0).fit_transform(rows).reshape(*cube.shape[:2], n)


def averaged(cube):
    return ndimage.gaussian_filter(standardized(cube), (1, 1, 0))


def ours(cube, k, seed, **parameters):
    encoder = PixelEncoder(max_epochs=0, **parameters)
    return AESegmenter(k, encoder=encoder, random_state=seed).fit_predict(cube[None])[0]


METHODS = {
    "raw": partial(clustered, lambda cube: cube),
    "standardized": partial(clustered, standardized),
    "PCA": partial(clustered, principal),
    "averaged": partial(clustered, averaged),
    "AESegmenter": ours,
    "not pooled": partial(ours, features="intensity", pooling=0),
    "whitening=1": partial(ours, features="intensity", whitening=1),
}


def without_labels(cube, truth):
    """Return the mean IoU of all methods, and seconds."""
    k = len(np.setdiff1d(truth, [VOID]))
    start, scores = process_time(), {}
    for name, method in METHODS.items():
        found = method(cube.astype(np.float32), k, 0)
        scores[name] = mean_iou(truth[None], found[None], ignore_label=VOID)
    return scores | {"seconds": process_time() - start}


def few_labels(cube, truth):
    """Return the mean IoU of other blocks than those with strokes, and seconds."""
    rows, scores = cube.reshape(-1, cube.shape[2]), {}
    for draw in range(3):
        folds = SpatialBlockKFold(2, block_size=16, shape=truth.shape, random_state=draw)
        for own, others in folds.split(rows, truth.ravel()):
            halves = [np.full(truth.size, VOID) for _ in range(2)]
            for half, chosen in zip(halves, (own, others), strict=True):
                half[chosen] = truth.ravel()[chosen]
            taught, tested = (half.reshape(truth.shape) for half in halves)
            strokes = scribble([taught], VOID, 0.01, np.random.default_rng(draw))[0]
            for name, method in (("forest", on_spectra), ("AESegmenter", on_codes)):
                start = process_time()
                found = method(cube, strokes, draw)
                seconds = process_time() - start
                iou = mean_iou(tested[None], found[None], ignore_label=VOID, matched=False)
                scores.setdefault(name, []).append(iou)
                scores.setdefault(f"{name}, seconds", []).append(seconds)
    return {name: np.mean(values) for name, values in scores.items()}


def on_spectra(cube, strokes, seed):
    rows, known = cube.reshape(-1, cube.shape[2]), strokes.ravel() != VOID
    model = forest(seed).fit(rows[known], strokes.ravel()[known])
    return model.predict(rows).reshape(strokes.shape)


def on_codes(cube, strokes, seed):
    model = AESegmenter(estimator=forest(seed), random_state=0)
    return model.fit(cube[None], strokes[None]).predict(cube[None])[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--bands", type=int, nargs="+", default=[30, 50, 80, 120, 160, 200])
    parser.add_argument("--scene", type=Path)
    parser.add_argument("--labels", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    compare = few_labels if options.labels else without_labels
    AESegmenter(2, random_state=0).fit(np.random.default_rng(0).random((1, 16, 16, 20)))  # imports
    if options.scene:
        [([image], [labels])], void = load(options.scene, 1, None)
        show(options.scene.stem, compare(image, np.where(labels == void, VOID, labels)))
    seeds = range(options.first, options.first + options.draws)
    found = []
    for seed in seeds:
        found.append(compare(*make_cube(seed, options.bands)))
        show(f"cube {seed}", found[-1])
    if found:
        show("mean", {name: np.mean([s[name] for s in found]) for name in found[0]})
        base = "forest" if options.labels else "standardized"
        gains = [s["AESegmenter"] - s[base] for s in found]
        print(
            f"least gain over {base} {min(gains):.3f}, below -.01: {sum(g < -0.01 for g in gains)}"
        )


def show(name, scores):
    print(f"{name:12}", *[f"{key} {value:.3f} " for key, value in scores.items()], flush=True)


if __name__ == "__main__":
    main()
