"""Compare AESegmenter without labels with k-means on pixels, PCA of patches and filters.

    python benchmarks/no_labels.py --data FOLDER [--sets a b] [--seeds 0 1 2] [--limit 6]
    python benchmarks/no_labels.py --data FOLDER --ask borders|number [--sets a b]

Every set is FOLDER/NAME.npz with `image0`, `labels0`, `image1`..., and `void`, the label that
is left out (or -1). All methods get the true number of segments, and nothing else. Sets
named "*mosaic*" or "*outex*" hold images whose labels mean nothing elsewhere: one model an image;
of the others one model a set, its segments matched to the classes once. The score is the mean IoU;
of AESegmenter its mean and standard deviation over the seeds, of the others that of the first seed.

`--ask borders` compares label maps with and without `refine`, by mean IoU and by boundary F1 within
two pixels; `--ask number` lets `n_segments="auto"` count.
"""

import argparse
import warnings
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from few_labels import filter_responses, load, unit_range
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.metrics import boundary_f1, mean_iou


def ours(images, k, seed, **parameters):
    return AESegmenter(k, random_state=seed, **parameters).fit(images).predict(images)


def clustered(features, images, k, seed):
    """K-means on 20,000 of the rows of all images, standardized beforehand."""
    maps = features(standardized([unit_range(image) for image in images]), seed)
    rows = np.concatenate([m.reshape(-1, m.shape[2]) for m in maps])
    sample = np.random.default_rng(seed).permutation(len(rows))[:20_000]
    labels = KMeans(k, n_init=10, random_state=seed).fit(rows[sample]).predict(rows)
    ends = np.cumsum([m.shape[0] * m.shape[1] for m in maps])[:-1]
    parts = zip(np.split(labels, ends), maps, strict=True)
    return [part.reshape(m.shape[:2]) for part, m in parts]


def standardized(maps):
    rows = np.concatenate([m.reshape(-1, m.shape[2]) for m in maps])
    mean, spread = rows.mean(0), np.maximum(rows.std(0), 1e-9)
    return [(m - mean) / spread for m in maps]


def pixels(images, seed):
    return images


def pca_of_patches(images, seed):
    """Return 8 components of 9 x 9 patches, learnt from 20,000 of them."""
    stacks = [patches(image) for image in images]
    share, rng = 20_000 // len(stacks), np.random.default_rng(seed)
    pca = PCA(8, random_state=seed)
    pca.fit(np.concatenate([p[rng.permutation(len(p))[:share]] for p in stacks]))
    pairs = zip(stacks, images, strict=True)
    return [pca.transform(p).reshape(*image.shape[:2], 8) for p, image in pairs]


def patches(image):
    padded = np.pad(image, ((4, 4), (4, 4), (0, 0)), "reflect")
    views = sliding_window_view(padded, (9, 9), (0, 1))
    return views.reshape(image.shape[0] * image.shape[1], -1)


def filters(images, seed):
    """Return scikit-image's features, standardized."""
    return standardized([filter_responses(image) for image in images])


METHODS = {
    "AESegmenter": ours,
    "untrained": lambda X, k, seed: ours(X, k, seed, encoder=PixelEncoder(max_epochs=0)),
    "pretrained": lambda X, k, seed: ours(X, k, seed, encoder=PixelEncoder(features="pretrained")),
    "raw": partial(clustered, pixels),
    "PCA patches": partial(clustered, pca_of_patches),
    "multiscale": partial(clustered, filters),
}
SEEDED = ("AESegmenter", "untrained", "pretrained")


def n_classes(labels, void):
    return len(np.setdiff1d(np.concatenate([np.unique(truth) for truth in labels]), [void]))


def score(labels, maps, void):
    flat = [np.concatenate([np.ravel(m) for m in several]) for several in (labels, maps)]
    return mean_iou(*flat, ignore_label=void)


def accuracy(tasks, void, seeds):
    """Print the mean IoU of every method."""
    cells = []
    for name, method in METHODS.items():
        by_seed = [
            np.mean([score(y, method(X, n_classes(y, void), seed), void) for X, y in tasks])
            for seed in (seeds if name in SEEDED else seeds[:1])
        ]
        spread = f" ± {np.std(by_seed):.3f}" if len(by_seed) > 1 else ""
        cells.append(f"{name} {np.mean(by_seed):.3f}{spread}")
    return "  ".join(cells)


def borders(tasks, void, seeds):
    """Print scores of label maps by wide codes alone, and of refined ones."""
    cells = []
    for refine in (False, "auto"):
        with TemporaryDirectory() as cache:
            told = {"refine": refine, "memory": cache}
            maps = [ours(X, n_classes(y, void), seeds[0], **told) for X, y in tasks]
        pairs = list(zip(tasks, maps, strict=True))
        iou = np.mean([score(y, m, void) for (_, y), m in pairs])
        f1 = np.mean([boundary_f1(y, m, tolerance=2) for (_, y), m in pairs])
        cells.append(f"refine={refine}: mean IoU {iou:.3f}, boundary F1 {f1:.3f}")
    return "  ".join(cells)


def number(tasks, void, seeds):
    """Print true and counted numbers of segments."""
    pairs = [
        (n_classes(y, void), AESegmenter("auto", random_state=seeds[0]).fit(X).n_segments_)
        for X, y in tasks
    ]
    right = sum(k == found for k, found in pairs)
    return f"true, counted: {pairs}; right {right} of {len(pairs)}"


ASKED = {"accuracy": accuracy, "borders": borders, "number": number}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--ask", choices=ASKED, default="accuracy")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--limit", type=int, default=6, help="images of a set")
    parser.add_argument("--side", type=int, help="crop images to so many pixels")
    parser.add_argument("--methods", nargs="+", choices=METHODS, help="those alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", module="skimage")
    for name in set(METHODS) - set(options.methods or METHODS):
        del METHODS[name]
    names = options.sets or sorted(path.stem for path in options.data.glob("*.npz"))
    for name in names:
        tasks, void = load(options.data / f"{name}.npz", options.limit, options.side)
        print(f"{name:20}", ASKED[options.ask](tasks, void, options.seeds), flush=True)


if __name__ == "__main__":
    main()
