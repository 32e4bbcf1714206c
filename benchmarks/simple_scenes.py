"""Compare AESegmenter without labels with the obvious on scenes whose segments anybody can name.

    python benchmarks/simple_scenes.py [--scenes 60] [--first 0]

Scenes are one to four images of `make_scenes`, of random kind, size, noise and number of segments.
All methods get the number of segments: AESegmenter with defaults, and k-means on pixels, on pixels
smoothed by a Gaussian (sigma 2) and on 8 principal components of 9 x 9 patches. Printed is the
adjusted Rand index; "lost" is more than .10 below the best of the three, "solved" at least .90.
"""

import argparse

import numpy as np
import torch
from no_labels import clustered, pca_of_patches, pixels
from scipy import ndimage
from sklearn.metrics import adjusted_rand_score

from sklearn_segae import AESegmenter
from sklearn_segae.datasets import make_scenes

KINDS = ("intensity", "color", "texture", "intensity+texture")
SIDES = (32, 48, 64, 96, 128, 192, 256)


def scene(seed):
    """Return images, label maps, number of segments and kind."""
    rng = np.random.default_rng(seed)
    kind = KINDS[seed % len(KINDS)]
    side = int(rng.choice(SIDES[3:] if "texture" in kind else SIDES))
    k = int(rng.integers(2, 5 if kind == "texture" else 6))
    images, labels = make_scenes(
        int(rng.integers(1, 5)),
        n_segments=k,
        kind=kind,
        size=(side, int(side * rng.choice([0.75, 1, 1.4]))),
        noise=rng.uniform(0.02, 0.25),
        layout=str(rng.choice(["smooth", "stripes"], p=[0.7, 0.3])),
        random_state=seed,
    )
    return images, labels, k, kind


def smoothed(images, seed):
    return [ndimage.gaussian_filter(image, (2, 2, 0)) for image in images]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    table = []
    for seed in range(options.first, options.first + options.scenes):
        images, labels, k, kind = scene(seed)
        truth = labels.ravel()
        best = max(
            adjusted_rand_score(truth, np.concatenate([m.ravel() for m in maps]))
            for maps in (clustered(f, images, k, 0) for f in (pixels, smoothed, pca_of_patches))
        )
        segmenter = AESegmenter(k, random_state=0)
        own = adjusted_rand_score(truth, segmenter.fit_predict(images).ravel())
        table.append((kind, own, best))
        features = segmenter.encoder_.features_
        print(f"{seed:4d} {kind:18s} k={k} {images.shape!s:20s} {own:5.2f} {best:5.2f} {features}")
    for kind in KINDS:
        own, best = np.array([row[1:] for row in table if row[0] == kind]).T
        print(f"{kind:18s} mean {own.mean():.3f}, best of the obvious {best.mean():.3f}; ", end="")
        print(f"lost {np.sum(own < best - 0.1)}, solved {np.sum(own >= 0.9)} of {len(own)}")


if __name__ == "__main__":
    main()
