"""Compare AESegmenter without labels with k-means on smoothed images, with noise added.

    python benchmarks/noise.py --data FOLDER [--sets a b] [--limit 4] [--side 288]

Sets are those of benchmarks/no_labels.py. Images are scaled to [0, 1]; noise is Gaussian with a
standard deviation of 20 or 40 of 255, or Poisson of at most 20 photons a pixel. K-means is on
standardized pixels smoothed by a Gaussian of sigma 1, 2 and 4; printed is the best of the three.
The score is the mean IoU.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import torch
from few_labels import load, unit_range
from no_labels import clustered, n_classes, score
from scipy import ndimage

from sklearn_segae import AESegmenter

SIGMAS = (1, 2, 4)
NOISES = {
    "sigma 20": lambda x, rng: x + rng.normal(0, 20 / 255, x.shape),
    "sigma 40": lambda x, rng: x + rng.normal(0, 40 / 255, x.shape),
    "Poisson": lambda x, rng: rng.poisson(20 * x) / 20,
}


def smoothed_k_means(images, k, sigma):
    def smooth(maps, seed):
        return [ndimage.gaussian_filter(m, (sigma, sigma, 0)) for m in maps]

    return clustered(smooth, images, k, 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--limit", type=int, default=4, help="images of a set")
    parser.add_argument("--side", type=int, default=288, help="crop images to so many pixels")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", module="skimage")
    table = []
    for name in options.sets or sorted(path.stem for path in options.data.glob("*.npz")):
        tasks, void = load(options.data / f"{name}.npz", options.limit, options.side)
        for X, y in tasks:
            k = n_classes(y, void)
            for noise, add in NOISES.items():
                rng = np.random.default_rng(0)
                images = [add(unit_range(image), rng) for image in X]
                segmenter = AESegmenter(k, random_state=0)
                own = score(y, segmenter.fit_predict(images), void)
                best = max(score(y, smoothed_k_means(images, k, s), void) for s in SIGMAS)
                table.append((own, best))
                print(f"{name:20s} {noise:9s} {own:.3f}, k-means {best:.3f} ", end="")
                print(segmenter.encoder_.features_, segmenter.encoder_.pooling_, flush=True)
    own, best = np.mean(table, axis=0)
    print(f"mean {own:.3f}, k-means on the best smoothing {best:.3f}")


if __name__ == "__main__":
    main()
