"""Compare methods on the sample images, without labels and with their strokes.

    python benchmarks/samples.py [--seeds 3]

The score is the mean IoU over classes and all pixels; segments of clusterings are matched to
classes once. Gaussian + k-means is the best of four standard deviations in hindsight. "filters" are
scikit-image's `multiscale_basic_features` (left out without scikit-image); forests of pixels, of
filters and of codes have 100 trees and get the same strokes.
"""

import argparse
from importlib.util import find_spec

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.cluster import KMeans
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from sklearn_segae import AESegmenter
from sklearn_segae.datasets import load_coins, load_textures, load_tissue
from sklearn_segae.metrics import mean_iou

SIGMAS = (1, 2, 4, 8)


def smoothed(images, sigma):
    images = images.astype(float)
    return gaussian_filter(images, (0, sigma, sigma, 0)[: images.ndim])


def clustered(images, n_clusters, seed):
    rows = images.reshape(-1, 3 if images.ndim == 4 else 1)
    labels = KMeans(n_clusters, n_init=5, random_state=seed).fit_predict(rows)
    return labels.reshape(images.shape[:3])


def filters(images):
    from skimage.feature import multiscale_basic_features

    axis = -1 if images.ndim == 4 else None
    return np.stack([multiscale_basic_features(im, channel_axis=axis) for im in images])


def classified(features, strokes, classifier, seed):
    rows = features.reshape(*strokes.shape, -1)
    classifier = classifier(100, random_state=seed).fit(rows[strokes >= 0], strokes[strokes >= 0])
    return classifier.predict(rows.reshape(-1, rows.shape[-1])).reshape(strokes.shape)


def scores(sample, seed):
    """Yield names of methods and their scores."""
    images, strokes, truth = sample.images, sample.strokes, sample.target
    n_classes = len(sample.target_names)

    yield "k-means on pixels", mean_iou(truth, clustered(images, n_classes, seed))
    best = (mean_iou(truth, clustered(smoothed(images, s), n_classes, seed)) for s in SIGMAS)
    yield "Gaussian + k-means", max(best)
    yield "AESegmenter(k)", mean_iou(truth, segmented(images, n_classes, seed))
    yield "AESegmenter('auto')", mean_iou(truth, segmented(images, "auto", seed))
    score = {"matched": False}
    for name, kind in (("forest", RandomForestClassifier), ("trees", ExtraTreesClassifier)):
        yield (
            f"strokes: {name} of pixels",
            mean_iou(truth, classified(images, strokes, kind, seed), **score),
        )
        if find_spec("skimage"):
            found = classified(filters(images), strokes, kind, seed)
            yield f"strokes: {name} of filters", mean_iou(truth, found, **score)
        segmenter = AESegmenter(estimator=name, random_state=seed).fit(images, strokes)
        yield f"strokes: AESegmenter, {name}", mean_iou(truth, segmenter.predict(images), **score)


def segmented(images, n_segments, seed):
    return AESegmenter(n_segments, random_state=seed).fit_predict(images)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    samples = {"tissue": load_tissue(), "coins": load_coins(), "textures": load_textures()}
    table = {name: [dict(scores(s, seed)) for seed in seeds] for name, s in samples.items()}
    print(f"| mean IoU, {len(seeds)} seeds |", " | ".join(table), "|\n| --- |" + " --- |" * 3)
    for method in table["tissue"][0]:
        runs = [[run[method] for run in column] for column in table.values()]
        print(f"| {method} |", " | ".join(f"{np.mean(r):.3f} ± {np.std(r):.3f}" for r in runs), "|")


if __name__ == "__main__":
    main()
