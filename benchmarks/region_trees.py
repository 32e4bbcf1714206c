"""Score region trees of photographs, and the graphs and superpixels of scikit-image.

    python benchmarks/region_trees.py --data FOLDER [--limit 40]

FOLDER/train.npz holds `image0`, `image1`..., from which the encoder learns without labels;
FOLDER/val.npz holds such images and `labels0`..., each of shape (annotators, H, W). Scores are
those of `metrics.region_benchmark`, at the best common scale and at the best of every image.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.cluster import AgglomerativeClustering
from sklearn.feature_extraction.image import grid_to_graph

from sklearn_segae import AESegmenter
from sklearn_segae.metrics import region_benchmark

NUMBERS = (2, 3, 4, 6, 8, 10, 12, 15, 20, 25, 30, 40, 60, 80)  # of segments
SCALES = (50, 100, 200, 300, 400, 600, 800, 1000, 1500, 2000, 3000, 5000)  # Felzenszwalb's


def arrays(path, name, limit):
    with np.load(path) as file:
        n = sum(key.startswith(name) for key in file.files)
        return [file[f"{name}{i}"] for i in range(min(n, limit))]


def graph(image):
    from skimage.segmentation import felzenszwalb

    return [felzenszwalb(image, scale=scale, sigma=0.8, min_size=100) for scale in SCALES]


def ward(image):
    """Superpixels, merged with their neighbors by mean color."""
    from skimage.color import rgb2lab
    from skimage.segmentation import slic

    pixels = slic(image, n_segments=400, compactness=10, start_label=0)
    colors = rgb2lab(image).reshape(-1, 3)
    sizes = np.bincount(pixels.ravel())
    means = np.stack([np.bincount(pixels.ravel(), c) / sizes for c in colors.T], axis=1)
    touching = neighbors(pixels)
    return [
        AgglomerativeClustering(k, connectivity=touching).fit_predict(means)[pixels]
        for k in NUMBERS
    ]


def neighbors(pixels):
    """Which superpixels touch, as a sparse matrix."""
    edges = grid_to_graph(*pixels.shape)
    pairs = np.stack([pixels.ravel()[edges.row], pixels.ravel()[edges.col]])
    n = pixels.max() + 1
    matrix = np.zeros((n, n), bool)
    matrix[pairs[0], pairs[1]] = True
    return matrix


def tree_of(segmenter, image):
    tree = segmenter.region_tree(image)
    return [tree.cut(n_segments=k) for k in NUMBERS]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=40, help="images to segment")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")  # of superpixels in several pieces
    images = arrays(options.data / "val.npz", "image", options.limit)
    truths = [list(maps) for maps in arrays(options.data / "val.npz", "labels", options.limit)]
    segmenter = AESegmenter(scope="image", random_state=options.seed)
    segmenter.fit(arrays(options.data / "train.npz", "image", 10**6))
    methods = {"graph": graph, "superpixels + Ward": ward}
    methods["region_tree"] = lambda image: tree_of(segmenter, image)
    for name, method in methods.items():
        print(name, region_benchmark(truths, map(method, images)), "", sep="\n", flush=True)


if __name__ == "__main__":
    main()
