"""Measure the time of scores: 100 comparisons of label maps of the size of photographs.

    python benchmarks/metrics_speed.py [--runs 3]

Prints seconds for 100 comparisons of maps of 481 x 321 pixels (medians over runs), with a dozen
segments a map and with hundreds, beside scikit-learn's adjusted Rand score of the same pixels.
"""

import argparse
import statistics
import time

import numpy as np
from scipy.ndimage import gaussian_filter, label
from sklearn.metrics import adjusted_rand_score

from sklearn_segae import metrics

SHAPE = 481, 321
N_COMPARISONS = 100


def flat_rand_score(y_true, y_pred):
    return adjusted_rand_score(y_true.ravel(), y_pred.ravel())


SCORES = {
    "match_labels": metrics.match_labels,
    "pixel_accuracy": metrics.pixel_accuracy,
    "matched_accuracy": metrics.matched_accuracy,
    "mean_iou": metrics.mean_iou,
    "dice_score": metrics.dice_score,
    "covering": metrics.covering,
    "probabilistic_rand_index": metrics.probabilistic_rand_index,
    "variation_of_information": metrics.variation_of_information,
    "boundary_f1": metrics.boundary_f1,
    "sklearn adjusted_rand_score": flat_rand_score,
}


def classes(rng, n=12):
    """A map of `n` classes, each in patches."""
    return gaussian_filter(rng.normal(size=(n, *SHAPE)), (0, 12, 12)).argmax(0)


def regions(rng):
    """A map whose patches all have a name of their own: hundreds of them."""
    patches = np.zeros(SHAPE, int)
    coarse = classes(rng)
    for value in np.unique(coarse):
        found, n = label(coarse == value)
        patches += np.where(found, found + patches.max() * (n > 0), 0)
    return patches


def seconds(score, pairs):
    start = time.perf_counter()
    for pair in pairs:
        score(*pair)
    return (time.perf_counter() - start) * N_COMPARISONS / len(pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    n_runs = parser.parse_args().runs
    rng = np.random.default_rng(0)
    kinds = [[(make(rng), make(rng)) for _ in range(10)] for make in (classes, regions)]
    numbers = [int(np.mean([len(np.unique(m)) for p in pairs for m in p])) for pairs in kinds]
    print(f"{'100 comparisons':28s}" + "".join(f"{f'{n} segments':>16s}" for n in numbers))
    for name, score in SCORES.items():
        medians = [
            statistics.median(seconds(score, pairs) for _ in range(n_runs)) for pairs in kinds
        ]
        print(f"{name:28s}" + "".join(f"{s:14.2f} s" for s in medians), flush=True)


if __name__ == "__main__":
    main()
