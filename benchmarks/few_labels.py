"""Compare AESegmenter with pixel classifiers on few scribbled labels.

    python benchmarks/few_labels.py --data FOLDER [--sets a b] [--draws 5] [--fractions 0.001 0.01]
        [--others 3] [--methods filters ours pretrained forests unet vote search]

Every set is FOLDER/NAME.npz with `image0`, `labels0`, `image1`..., and `void`, the label that
counts nowhere (or -1). Straight strokes, each of one class, are drawn until a share of all pixels
is labeled, at least one of every class; a fraction of 1 is all labels. All methods get the same
strokes and the same random forest; the score is the mean IoU over the classes and all pixels. Sets
named "*mosaic*" or "*outex*" hold images whose labels mean nothing elsewhere: one fit an image, the
mean over them.

With --others N, strokes are on N random images of each set, and the score of the rest is printed
beside theirs. Methods: "filters" (scikit-image's), "ours" (the default), "pretrained" (16 codes),
"concat" (a forest on multiscale and pretrained codes), "forests" (a forest on each), "search" (one
of "ours", "pretrained" and "forests", selected by leaving out one image with strokes after the
other), "unet", "early" (the same with early stopping) and "vote" (on the default codes), "unet+"
and "vote+" (on multiscale and pretrained ones).

Time is that of fit and predict together in the first draw; later ones take the encoder from a
cache.
"""

import argparse
import time
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV, LeaveOneOut

from sklearn_segae import AESegmenter, PixelEncoder, PixelVotingClassifier, UNetClassifier
from sklearn_segae.metrics import make_segmentation_scorer, mean_iou

LENGTH, WIDTH = 30, 2  # of strokes, in pixels


def load(path, limit, side):
    with np.load(path) as arrays:
        n = sum(name.startswith("image") for name in arrays.files)
        images = [arrays[f"image{i}"][:side, :side] for i in range(min(n, limit))]
        labels = [arrays[f"labels{i}"][:side, :side] for i in range(len(images))]
        void = int(arrays["void"])
    if "mosaic" in path.stem or "outex" in path.stem:
        return [([image], [truth]) for image, truth in zip(images, labels, strict=True)], void
    return [(images, labels)], void


def scribble(labels, void, fraction, rng):
    """Label maps of strokes, -1 elsewhere; all labels for a fraction of 1."""
    if fraction >= 1:
        return [np.where(truth == void, -1, truth).astype(int) for truth in labels]
    maps = [np.full(truth.shape, -1) for truth in labels]
    classes = [c for c in np.unique(np.concatenate([t.ravel() for t in labels])) if c != void]
    places = {c: [np.flatnonzero(t == c) for t in labels] for c in classes}
    left, turn, order = fraction * sum(t.size for t in labels), 0, rng.permutation(classes)
    while left > 0 or turn < len(classes):
        own = places[order[turn % len(classes)]]
        sizes = np.array([len(p) for p in own])
        i = rng.choice(len(labels), p=sizes / sizes.sum())
        start = np.unravel_index(own[i][rng.integers(sizes[i])], labels[i].shape)
        left -= draw_stroke(maps[i], labels[i], start, rng.uniform(0, np.pi), max(left, 4))
        turn += 1
    return maps


def draw_stroke(strokes, truth, start, angle, n_most):
    """Label pixels both ways from the start, as far as the class goes; return how many."""
    value, before = truth[start], (strokes >= 0).sum()
    for sign in (1, -1):
        for step in np.arange(0, LENGTH / 2, 0.5):
            y, x = (int(s + sign * step * d) for s, d in zip(start, direction(angle), strict=True))
            if not (0 <= y < truth.shape[0] and 0 <= x < truth.shape[1]) or truth[y, x] != value:
                break
            brush = slice(y, y + WIDTH), slice(x, x + WIDTH)
            strokes[brush][truth[brush] == value] = value
            if (strokes >= 0).sum() - before >= n_most:
                return (strokes >= 0).sum() - before
    return (strokes >= 0).sum() - before


def direction(angle):
    return np.sin(angle), np.cos(angle)


def forest(seed):
    return RandomForestClassifier(100, random_state=seed)


def ours(images, strokes, seed, cache):
    # One encoder for all draws: it does not see the labels.
    model = AESegmenter(estimator=forest(seed), memory=cache, random_state=0)
    return model.fit(images, strokes).predict


def filters(images, strokes, seed, cache):
    """scikit-image's features, as its TrainableSegmenter has them; spectra as they are."""
    maps = [filter_responses(unit_range(image)) for image in images]
    pairs = list(zip(maps, strokes, strict=True))
    X = np.concatenate([m[s >= 0] for m, s in pairs])
    y = np.concatenate([s[s >= 0] for s in strokes])
    model = forest(seed).fit(X, y)

    def predict(images):
        maps = [filter_responses(unit_range(image)) for image in images]
        return [model.predict(m.reshape(-1, m.shape[2])).reshape(m.shape[:2]) for m in maps]

    return predict


def filter_responses(image):
    from skimage.feature import multiscale_basic_features

    return image if image.shape[2] > 8 else multiscale_basic_features(image, channel_axis=-1)


def unit_range(image):
    image = np.atleast_3d(image).astype(np.float32)
    low, high = image.min((0, 1)), image.max((0, 1))
    return (image - low) / np.maximum(high - low, 1e-9)


def segmenter(features, estimator, seed, cache):
    encoder = PixelEncoder(features=features, random_state=0)
    return AESegmenter(encoder=encoder, estimator=estimator, memory=cache, random_state=seed)


def with_features(features, estimator="forest"):
    def fit(images, strokes, seed, cache):
        return segmenter(features, estimator, seed, cache).fit(images, strokes).predict

    return fit


def default_with(estimator):
    def fit(images, strokes, seed, cache):
        model = AESegmenter(estimator=estimator, memory=cache, random_state=seed)
        return model.fit(images, strokes).predict

    return fit


FORESTS = PixelVotingClassifier([("forest", RandomForestClassifier(100))])


def search(images, strokes, seed, cache):
    """The features that label images without strokes best."""
    grid = [
        {"encoder__features": ["pretrained"], "estimator": ["forest"]},
        {"encoder__features": ["multiscale+pretrained"], "estimator": [FORESTS]},
        {"encoder": [None], "estimator": ["forest"]},
    ]
    scoring = make_segmentation_scorer(partial(mean_iou, matched=False))
    one = segmenter("pretrained", "forest", seed, cache)
    folds = GridSearchCV(one, grid, scoring=scoring, cv=LeaveOneOut(), error_score=0.0)
    return folds.fit(images, strokes).predict


METHODS = {
    "filters": filters,
    "ours": ours,
    "pretrained": with_features("pretrained"),
    "concat": with_features("multiscale+pretrained"),
    "forests": with_features("multiscale+pretrained", FORESTS),
    "unet": default_with("unet"),
    "early": default_with(UNetClassifier(early_stopping=True)),
    "vote": default_with("vote"),
    "unet+": with_features("multiscale+pretrained", "unet"),
    "vote+": with_features("multiscale+pretrained", "vote"),
    "search": search,
}


def score(truths, maps, void):
    flat = [np.concatenate([np.ravel(m) for m in several]) for several in (truths, maps)]
    return mean_iou(*flat, ignore_label=void, matched=False)


def compare(tasks, void, methods, fractions, draws, n_own):
    """Mean IoU (draws, 2), own and other images, by method and fraction; seconds of draw 0."""
    scores = {(m, f): np.full((len(tasks), draws, 2), np.nan) for m in methods for f in fractions}
    seconds = dict.fromkeys(methods, 0.0)
    for t, (images, labels) in enumerate(tasks):
        with TemporaryDirectory() as cache:
            for (method, f), draw in product(scores, range(draws)):
                rng = np.random.default_rng(draw)
                # At least one image remains.
                n = min(n_own, len(images) - 1) if n_own else len(images)
                order = rng.permutation(len(images)) if n_own else np.arange(n)
                own, strokes = order[:n], scribble([labels[i] for i in order[:n]], void, f, rng)
                start = time.perf_counter()
                predict = METHODS[method]([images[i] for i in own], strokes, draw, cache)
                for g, group in enumerate((own, order[n:])):
                    if len(group):
                        maps = predict([images[i] for i in group])
                        truths = [labels[i] for i in group]
                        scores[method, f][t, draw, g] = score(truths, maps, void)
                if (f, draw) == (fractions[0], 0):
                    seconds[method] += time.perf_counter() - start
    return {key: values.mean(0) for key, values in scores.items()}, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--limit", type=int, default=6, help="images of a set")
    parser.add_argument("--side", type=int, default=512, help="crop images to so many pixels")
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.001, 0.01])
    parser.add_argument("--methods", nargs="+", default=["filters", "ours"], choices=METHODS)
    parser.add_argument("--others", type=int, default=0, help="images with strokes; 0 is all")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    methods, means = arguments.methods, {}
    for name in arguments.sets or sorted(path.stem for path in arguments.data.glob("*.npz")):
        tasks, void = load(arguments.data / f"{name}.npz", arguments.limit, arguments.side)
        if arguments.others and len(tasks) > 1:
            continue
        found, seconds = compare(
            tasks, void, methods, arguments.fractions, arguments.draws, arguments.others
        )
        times = " ".join(f"{m} x {seconds[m] / seconds[methods[0]]:.2f}" for m in methods[1:])
        print(f"{name:20s} time {times}", end=" ")
        for (method, fraction), values in found.items():
            means.setdefault((method, fraction), []).append(values.mean(0))
            print(f"| {fraction:.1%} {method} {printed(values)}", end=" ")
        print(flush=True)
    for (method, fraction), values in means.items():
        print(f"mean {fraction:.1%} {method} {' others '.join(shown(np.mean(values, 0)))}")


def printed(values):
    """Mean and spread over the draws, of own and of other images."""
    pairs = zip(values.mean(0), values.std(0), strict=True)
    return " others ".join(f"{mean:.3f} +- {std:.3f}" for mean, std in pairs if mean == mean)


def shown(means):
    return [f"{mean:.3f}" for mean in means if mean == mean]


if __name__ == "__main__":
    main()
