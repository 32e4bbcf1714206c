"""Measure the cost of searches: cached encoders, two processes, and memory over many fits.

    python benchmarks/searches.py [--fits 100] [--size 96]

Prints the seconds of a grid over ten numbers of segments with and without `memory`, in one process
and in two, with the networks that have to be trained; then the resident memory of one process after
every quarter of many small fits, in MiB, which ought to be flat.
"""

import argparse
import gc
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_mosaic, make_shapes
from sklearn_segae.metrics import make_segmentation_scorer

PAGE = 4096  # bytes
N_CANDIDATES, N_FOLDS = 10, 2


def resident():
    """Resident memory of this process in MiB (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20


def search_seconds(images, truth, cached, n_jobs):
    """Time one grid, its cache empty at the start; return seconds and the scores."""
    with tempfile.TemporaryDirectory() as folder:
        segmenter = AESegmenter(
            encoder=PixelEncoder(
                8, features="texture", pooling=3, whitening=1, n_filters=16, max_epochs=3
            ),
            estimator=KMeans(n_init=1),
            refine=False,
            memory=folder if cached else None,
            random_state=0,
        )
        search = GridSearchCV(
            segmenter,
            {"n_segments": list(range(2, 2 + N_CANDIDATES))},
            scoring=make_segmentation_scorer(adjusted_rand_score),
            cv=N_FOLDS,
            n_jobs=n_jobs,
            refit=False,
        )
        start = time.perf_counter()
        search.fit(images, truth)
        return time.perf_counter() - start, search.cv_results_["mean_test_score"]


def print_searches(size):
    images, truth = make_mosaic(4, n_segments=4, size=size, random_state=0)
    print(f"grid of {N_CANDIDATES} numbers of segments, {N_FOLDS} folds of two {size} x {size}")
    print(f"{'memory':8s}{'n_jobs':>8s}{'networks':>10s}{'seconds':>9s}")
    for cached, n_networks in ((False, N_CANDIDATES * N_FOLDS), (True, N_FOLDS)):
        scores = []
        for n_jobs in (1, 2):
            seconds, found = search_seconds(images, truth, cached, n_jobs)
            scores.append(found)
            print(f"{cached!s:8s}{n_jobs:8d}{n_networks:10d}{seconds:9.1f}", flush=True)
        np.testing.assert_array_equal(*scores)


def print_memory(n_fits):
    images, _ = make_shapes(2, size=48, random_state=0)
    print(f"\n{'fits':>5s} {'MiB':>7s}")
    for i in range(1, n_fits + 1):
        encoder = PixelEncoder(4, features="intensity", pooling=0, n_filters=8, max_epochs=1)
        segmenter = AESegmenter(3, encoder=encoder, estimator=KMeans(n_init=1), random_state=i)
        segmenter.fit(images).predict(images)
        if i == 1 or i % max(1, n_fits // 4) == 0:
            gc.collect()
            print(f"{i:5d} {resident():7.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fits", type=int, default=100)
    parser.add_argument("--size", type=int, default=64)
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # so that two processes have a core each
    print_searches(arguments.size)
    print_memory(arguments.fits)


if __name__ == "__main__":
    main()
