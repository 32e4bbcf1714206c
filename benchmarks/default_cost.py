"""CPU time of the default AESegmenter over that with PCA of patches, in one process, one thread.

    python benchmarks/default_cost.py [--size 384] [--runs 5]

One image of each kind of `make_scenes`; medians over runs of `fit_predict`.
"""

import argparse
from time import process_time

import numpy as np
import torch
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from sklearn_segae import AESegmenter
from sklearn_segae.datasets import make_scenes


def seconds(segmenter, images):
    start = process_time()
    segmenter.fit_predict(images)
    return process_time() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        for kind in ("intensity", "color", "texture", "intensity+texture"):
            images, _ = make_scenes(kind=kind, size=options.size, random_state=0)
            default = AESegmenter(4, random_state=0)
            patches = AESegmenter(4, encoder=PCA(8), random_state=0)
            times = [
                (seconds(default, images), seconds(patches, images)) for _ in range(options.runs)
            ]
            own, pca = np.median(times, axis=0)
            ratio = np.median([a / b for a, b in times])
            print(f"{kind:18s} {own:.2f} s, PCA {pca:.2f} s, ratio {ratio:.1f} ", end="")
            print(default.encoder_.features_)


if __name__ == "__main__":
    main()
