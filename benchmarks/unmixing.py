"""Unmix synthetic hyperspectral cubes: errors of abundances and endmembers, and seconds.

    python benchmarks/unmixing.py [--draws 10] [--first 0] [--seeds 3] [--size 100]
    python benchmarks/unmixing.py --concentration 0.5 --designs

Cubes of `make_mixtures` with 100 bands and 4, 5 or 6 endmembers, at 20 and 30 dB. Compared are
non-negative matrix factorization, scaled to abundances of sum 1; vertex component analysis with
fully constrained least squares; and the variant "unmixing" with defaults. Endmembers are matched by
their spectral angles (Hungarian algorithm). Printed are means over the draws: the root mean squared
error of abundances, the mean spectral angle in radians, seconds of one core, and the root mean
squared difference of abundances between seeds. `--designs` compares alternatives to the defaults.
"""

import argparse
import warnings
from functools import partial
from time import process_time

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment, nnls
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning
from torch.nn import functional

from sklearn_segae import AutoencoderTransformer
from sklearn_segae.datasets import make_mixtures


def factorized(X, k, seed):
    model = NMF(k, max_iter=1000, random_state=seed)
    shares = model.fit_transform(np.maximum(X, 0))
    return model.components_, shares / np.maximum(shares.sum(1, keepdims=True), 1e-12)


def geometric(X, k, seed):
    endmembers = vertex_components(X.astype(np.float64), k, np.random.default_rng(seed))
    return endmembers, least_squares(X, endmembers)


def vertex_components(X, k, rng):
    """Nascimento and Bioucas-Dias 2005, doi:10.1109/TGRS.2005.844293."""
    mean = X.mean(0)
    axes = np.linalg.svd((X - mean).T @ (X - mean))[0][:, :k]
    inside = (((X - mean) @ axes) ** 2).sum() / len(X) + mean @ mean
    total = (X**2).sum() / len(X)
    snr = 10 * np.log10((inside - k / X.shape[1] * total) / (total - inside))
    if snr < 15 + 10 * np.log10(k):
        codes = (X - mean) @ axes[:, : k - 1]
        projected = codes @ axes[:, : k - 1].T + mean
        points = np.column_stack([codes, np.full(len(X), np.linalg.norm(codes, axis=1).max())])
    else:
        axes = np.linalg.svd(X.T @ X)[0][:, :k]
        codes = X @ axes
        projected, points = codes @ axes.T, codes / (codes @ codes.mean(0))[:, None]
    found, vertices = [], np.zeros((k, k))
    vertices[-1, 0] = 1
    for i in range(k):
        direction = rng.standard_normal(k)
        direction -= vertices @ np.linalg.pinv(vertices) @ direction
        found.append(int(np.abs(points @ direction).argmax()))
        vertices[:, i] = points[found[-1]]
    return projected[found]


def least_squares(X, endmembers, weight=1e3):
    """Least squares with abundances >= 0 whose sum, by a heavy additional equation, is 1."""
    system = np.vstack([endmembers.T, np.full(len(endmembers), weight)])
    return np.array([nnls(system, np.append(x, weight))[0] for x in X.astype(np.float64)])


def ours(X, k, seed, **parameters):
    model = AutoencoderTransformer(k, variant="unmixing", random_state=seed, **parameters).fit(X)
    return model.components_, model.transform(X)


def with_least_squares(X, k, seed):
    endmembers, _ = ours(X, k, seed)
    return endmembers, least_squares(X, endmembers)


def spectral_angle(output, target):
    return torch.acos(functional.cosine_similarity(output, target).clamp(-1 + 1e-6, 1 - 1e-6))


METHODS = {"NMF, scaled": factorized, "VCA, FCLS": geometric, "unmixing": ours}
DESIGNS = {
    "unmixing": ours,
    "not trained": partial(ours, max_epochs=0),
    "linear encoder": partial(ours, hidden_layer_sizes=()),
    "endmembers of unmixing, FCLS": with_least_squares,
    "no volume": partial(ours, variant_strength=0),
    "volume / 2": partial(ours, variant_strength=0.125),
    "volume x 4": partial(ours, variant_strength=1),
    "mean absolute error": partial(ours, loss="mae"),
    "spectral angle": partial(ours, loss=spectral_angle, scaling=None),
    "scaling='standard'": partial(ours, scaling="standard"),
}


def angles(a, b):
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    return np.arccos(np.clip(a @ b.T, -1, 1))


def matched(endmembers, found, abundances):
    """Return the mean angle, and the abundances in the order of the true endmembers."""
    angle = angles(endmembers, found)
    rows, columns = linear_sum_assignment(angle)
    return angle[rows, columns].mean(), abundances[:, columns]


def rmse(a, b):
    return np.sqrt(np.mean((a - b) ** 2))


def evaluate(method, draw, snr, options):
    k = 4 + draw % 3
    cube, truth, endmembers = make_mixtures(
        options.size,
        n_components=k,
        snr=snr,
        concentration=options.concentration,
        random_state=draw,
    )
    X, truth = cube.reshape(-1, cube.shape[-1]), truth.reshape(-1, k)
    errors, maps = [], []
    for seed in range(options.seeds):
        start = process_time()
        found, abundances = method(X, k, seed)
        seconds = process_time() - start
        angle, abundances = matched(endmembers, found, abundances)
        errors.append((rmse(truth, abundances), angle, seconds))
        maps.append(abundances)
    return (*np.mean(errors, 0), np.mean([rmse(maps[0], m) for m in maps[1:] or maps]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--concentration", type=float, default=1)
    parser.add_argument("--snr", type=float, nargs="+", default=[20, 30])
    parser.add_argument("--designs", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)  # of NMF, after 1000 iterations
    for snr in options.snr:
        print(f"{snr:g} dB: abundances, angle, seconds, seeds", flush=True)
        for name, method in (DESIGNS if options.designs else METHODS).items():
            draws = range(options.first, options.first + options.draws)
            found = np.mean([evaluate(method, draw, snr, options) for draw in draws], 0)
            print(f"  {name:30} {' '.join(f'{value:.4f}' for value in found)}", flush=True)


if __name__ == "__main__":
    main()
