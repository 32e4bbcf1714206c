"""Compare labeling suggested regions with labeling random regions, and with random strokes.

    python benchmarks/label_next.py --data FOLDER [--sets a b] [--draws 3] [--side 192] [--limit 3]
        [--goals 0.0025 0.005] [--sizes 16] [--measures entropy]
        [--estimator forest]

Sets, strokes and scores are those of few_labels.py, in the middle of the images. All methods begin
with the same random strokes, .1 % of the pixels. Then a simulated annotator gets eight regions,
draws one stroke of at most 20 pixels for each class in a region, at a random place and angle, and
gets the next eight regions, until a goal is reached, a share of the pixels. "suggested" are the
regions of `AESegmenter.suggest_regions`, after fitting to the labels so far; "random" are random
regions without labels. "strokes" are random strokes of all classes, which only somebody can draw
who has looked at all images.

Scores are divided by that of random strokes on 1 % of the pixels. Codes are computed once for each
set: the encoder does not see the labels.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import torch
from few_labels import draw_stroke, load, score, scribble

from sklearn_segae import AESegmenter

START, FULL = 0.001, 0.01  # shares of labeled pixels
N_REGIONS = 8  # between two fits
N_MOST = 20  # pixels of a stroke
ENOUGH = 0.95  # of the score at FULL


def middle(array, side):
    top, left = (max(0, (n - side) // 2) for n in array.shape[:2])
    return array[top : top + side, left : left + side]


def code_images(images):
    """Codes of the default encoder for classifiers, as images with many channels."""
    labels = [np.arange(i.shape[0] * i.shape[1]).reshape(i.shape[:2]) % 2 for i in images]
    model = AESegmenter(estimator="logistic", n_fit_pixels=100, random_state=0)
    return model.fit(images, labels).transform(images)


def segmenter(estimator, seed):
    # Fitted to codes, as AESegmenter(estimator=...) is to images.
    return AESegmenter(
        encoder="passthrough", estimator=estimator, normalize="dataset", random_state=seed
    )


def suggested_regions(model, codes, strokes, seen, rng, size, measure):
    model.fit(codes, strokes)
    try:
        regions = model.suggest_regions(codes, N_REGIONS, y=seen, size=size, measure=measure)
    except ValueError:  # too few regions are left
        return random_regions(model, codes, strokes, seen, rng, size)
    return [(r.image, (r.rows, r.columns)) for r in regions]


def random_regions(model, codes, strokes, seen, rng, size):
    found = []
    while len(found) < N_REGIONS:
        i = rng.integers(len(seen))
        corner = (rng.integers(max(1, n - size + 1)) for n in seen[i].shape)
        box = tuple(slice(start, start + size) for start in corner)
        if (seen[i][box] < 0).all() or rng.random() < 0.01:  # no unlabeled box may be left
            found.append((i, box))
    return found


def annotate(strokes, seen, labels, void, place, goal, rng):
    """Draw a stroke for each class in a region, until `goal` pixels are labeled."""
    i, box = place
    own, part = strokes[i][box], labels[i][box]
    for value in rng.permutation(np.setdiff1d(part, [void])):
        free, left = np.flatnonzero((part == value) & (own < 0)), goal - n_labeled(strokes)
        if len(free) and left > 0:
            start = np.unravel_index(rng.choice(free), part.shape)
            draw_stroke(own, part, start, rng.uniform(0, np.pi), min(left, N_MOST))
    seen[i][box] = 0


def n_labeled(strokes):
    return sum(np.count_nonzero(s >= 0) for s in strokes)


def label(model, codes, labels, void, choose, goals, draw):
    """Label until each goal is reached; return the scores, and the number of regions."""
    rng = np.random.default_rng(draw)
    strokes = scribble(labels, void, START, rng)
    seen = [s.copy() for s in strokes]
    n_pixels, n_regions, queue, scores = sum(t.size for t in labels), 0, [], []
    for goal in goals:
        while n_labeled(strokes) < int(goal * n_pixels):
            queue = queue or choose(model, codes, strokes, seen, rng)
            annotate(strokes, seen, labels, void, queue.pop(0), int(goal * n_pixels), rng)
            n_regions += 1
        scores.append(score(labels, model.fit(codes, strokes).predict(codes), void))
    return scores, n_regions


def random_strokes(model, codes, labels, void, goals, draw):
    scores = []
    for goal in goals:
        strokes = scribble(labels, void, goal, np.random.default_rng(draw))
        scores.append(score(labels, model.fit(codes, strokes).predict(codes), void))
    return scores


def compare(tasks, void, estimator, methods, goals, draws):
    """Scores (draws, goals) by method, those of FULL, and the mean number of regions by method."""
    parts, full, n_regions = {}, [], {}
    for images, labels in tasks:
        codes = code_images(images)
        for draw in range(draws):
            model = segmenter(estimator, draw)
            *some, last = random_strokes(model, codes, labels, void, [*goals, FULL], draw)
            parts.setdefault("strokes", []).append(some)
            full.append(last)
            for name, choose in methods.items():
                scores, n = label(model, codes, labels, void, choose, goals, draw)
                parts.setdefault(name, []).append(scores)
                n_regions.setdefault(name, []).append(n)
    shape = len(tasks), draws, len(goals)
    means = {name: np.reshape(scores, shape).mean(0) for name, scores in parts.items()}
    return means, np.mean(full), {name: np.mean(n) for name, n in n_regions.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--limit", type=int, default=3, help="images of a set")
    parser.add_argument("--side", type=int, default=192, help="crop images to so many pixels")
    parser.add_argument("--goals", type=float, nargs="+", default=[0.0025, 0.005])
    parser.add_argument("--sizes", type=int, nargs="+", default=[16], help="of regions")
    parser.add_argument("--estimator", default="forest", choices=["forest", "trees", "logistic"])
    parser.add_argument("--measures", nargs="+", default=["entropy"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    methods, ratios = {}, {}
    for size in arguments.sizes:
        methods[f"random {size}"] = partial(random_regions, size=size)
        for measure in arguments.measures:
            choose = partial(suggested_regions, size=size, measure=measure)
            methods[f"suggested {size} {measure}"] = choose
    for name in arguments.sets or sorted(path.stem for path in arguments.data.glob("*.npz")):
        tasks, void = load(arguments.data / f"{name}.npz", arguments.limit, None)
        tasks = [
            tuple([middle(array, arguments.side) for array in arrays] for arrays in task)
            for task in tasks
        ]
        found, full, n_regions = compare(
            tasks, void, arguments.estimator, methods, arguments.goals, arguments.draws
        )
        print(f"{name:20s} 1 %: {full:.3f}", end=" ")
        for method, scores in found.items():
            means = scores.mean(0) / full
            ratios.setdefault(method, []).append(means)
            told = " ".join(f"{m:.3f}" for m in means)
            spread, n = scores[:, -1].std() / full, n_regions.get(method, 0)
            print(f"| {method} {told} +- {spread:.3f} ({n:.0f})", end=" ")
        print(flush=True)
    for method, means in ratios.items():
        told = " ".join(f"{m:.3f}" for m in np.mean(means, 0))
        enough = (np.array(means) >= ENOUGH).sum(0).tolist()
        print(f"mean {method} {told}; at least {ENOUGH}: {enough} of {len(means)} sets")


if __name__ == "__main__":
    main()
