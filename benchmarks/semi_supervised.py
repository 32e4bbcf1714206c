"""Measure the benefit of images without labels: three scribbled images, the others scored.

    python benchmarks/semi_supervised.py --data FOLDER [--sets a b] [--draws 3] [--fraction 0.01]

Sets and strokes are those of few_labels.py; strokes are drawn in the first three images of a set,
and the score is the mean IoU over the others, which have none.

* three, forest: encoder and forest learn from the three images alone
* all, forest: the encoder learns from all images
* all, self-training: the forest is refitted to its confident predictions on all images
* three, head; all, head: `PixelHead` in place of the forest
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from few_labels import forest, load, score, scribble
from sklearn.semi_supervised import SelfTrainingClassifier

from sklearn_segae import AESegmenter

N_LABELED = 3


def methods(seed):
    return {
        "three, forest": ("three", {"estimator": forest(seed)}),
        "all, forest": ("multiscale", {"estimator": forest(seed)}),
        "all, self-training": (
            "multiscale",
            {"estimator": SelfTrainingClassifier(forest(seed), threshold=0.9)},
        ),
        "three, head": ("three", {"estimator": "head"}),
        "all, head": ("multiscale", {"estimator": "head"}),
    }


def compare(images, labels, void, fraction, draws):
    """Mean IoU (draws,) of every method on the images without strokes."""
    scores = {}
    with TemporaryDirectory() as cache:
        for draw in range(draws):
            rng = np.random.default_rng(draw)
            strokes = scribble(labels[:N_LABELED], void, fraction, rng)
            strokes += [np.full(truth.shape, -1) for truth in labels[N_LABELED:]]
            for name, (seen, parameters) in methods(draw).items():
                n = N_LABELED if seen == "three" else len(images)
                segmenter = AESegmenter(memory=cache, random_state=0, **parameters)
                maps = segmenter.fit(images[:n], strokes[:n]).predict(images[N_LABELED:])
                scores.setdefault(name, []).append(score(labels[N_LABELED:], maps, void))
    return scores


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--limit", type=int, default=6, help="images of a set")
    parser.add_argument("--side", type=int, default=512, help="crop images to so many pixels")
    parser.add_argument("--fraction", type=float, default=0.01)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    means = {}
    for name in arguments.sets or sorted(path.stem for path in arguments.data.glob("*.npz")):
        tasks, void = load(arguments.data / f"{name}.npz", arguments.limit, arguments.side)
        if len(tasks) > 1 or len(tasks[0][0]) <= N_LABELED:
            continue  # labels mean something in their image alone, or no image is left to score
        found = compare(*tasks[0], void, arguments.fraction, arguments.draws)
        cells = [f"{m} {np.mean(v):.3f} +- {np.std(v):.3f}" for m, v in found.items()]
        print(f"{name:20s}", " | ".join(cells), flush=True)
        for method, values in found.items():
            means.setdefault(method, []).append(np.mean(values))
    print(f"{'mean':20s}", " | ".join(f"{m} {np.mean(v):.3f}" for m, v in means.items()))


if __name__ == "__main__":
    main()
