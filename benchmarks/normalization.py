"""Compare the normalizations of AESegmenter: scores of sets, artifacts, empty images and tiles.

    python benchmarks/normalization.py --data FOLDER [--sets a b] [--ask scores artifacts]

Every set is FOLDER/NAME.npz as for benchmarks/no_labels.py. "extremes" is the rule before there was
a choice: every image from its minimum and maximum.

`scores`: mean IoU without labels on all images, and accuracy of a forest that is trained on the
first half and tested on the second. `artifacts`: the same, with an artifact in one fitted image
("train") or in all tested images ("test"): one hot or one dead pixel, a scale bar of 5 x 60 pixels.
"empty": share of the pixels of images of noise, as bright as the median pixel and with a hundredth
of the range, whose label is not the most frequent one. "tiles": share of the pixels whose labels in
eight tiles differ from those in the whole image.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import torch
from few_labels import load
from no_labels import n_classes, score

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.imaging._normalization import full_range

RULES = ("extremes", "image", "dataset", "auto")


class Segmenter:
    """AESegmenter on gray or color images, with the former rule as well."""

    def __init__(self, rule, k, forest):
        features = {"features": "multiscale"} if forest else {"features": "intensity"}
        self.rule = rule
        self.model = AESegmenter(
            k,
            encoder=PixelEncoder(8, max_epochs=0, **features),
            estimator="forest" if forest else None,
            normalize="dataset" if rule == "extremes" else rule,
            random_state=0,
        )

    def fit(self, images, labels=None):
        self.full = full_range(images)
        self.model.fit(self.seen(images), labels)
        return self

    def predict(self, images):
        return self.model.predict(self.seen(images))

    def seen(self, images):
        if self.rule != "extremes":
            return images
        return [np.asarray(image) for image in self.full.apply(images)]


def hot(image):
    image[image.shape[0] // 3, image.shape[1] // 3] = 65_535


def dead(image):
    image[image.shape[0] // 3, image.shape[1] // 3] = -9999


def bar(image):
    image[-10:-5, 10:70] = 4 * image.max()


def clean(image):
    pass


ARTIFACTS = {"clean": clean, "hot pixel": hot, "dead pixel": dead, "scale bar": bar}


def spoiled(images, artifact, n):
    """Return images of which the first `n` have the artifact."""
    images = [image.astype(np.float32) for image in images]
    for image in images[:n]:
        ARTIFACTS[artifact](image)
    return images


def unlabeled(images, labels, void, rule, artifact="clean"):
    """Return the mean IoU without labels, and the kind of ranges that was chosen."""
    fitted = Segmenter(rule, n_classes(labels, void), False)
    images = spoiled(images, artifact, 1)
    maps = fitted.fit(images).predict(images)
    return score(labels, maps, void), fitted.model.normalize_


def forest(images, labels, void, rule, train="clean", test="clean"):
    """Return the accuracy on the second half of the images of a forest trained on the first."""
    half = (len(images) + 1) // 2
    truth = [np.where(y == void, -1, y) for y in labels]
    fitted = Segmenter(rule, 8, True)
    fitted.fit(spoiled(images[:half], train, 1), strokes(truth[:half]))
    maps = fitted.predict(spoiled(images[half:], test, len(images)))
    pairs = list(zip(truth[half:], maps, strict=True))
    return np.mean(np.concatenate([(y == m)[y >= 0] for y, m in pairs]))


def strokes(truth):
    """Label one percent of the pixels, at random."""
    rng = np.random.default_rng(0)
    return [np.where(rng.random(y.shape) < 0.01, y, -1) for y in truth]


def empties(images, fitted):
    rng, most = np.random.default_rng(0), np.bincount(np.ravel(fitted.predict(images)[0])).argmax()
    noise = [
        np.median(i, (0, 1)) + rng.normal(0, np.ptp(i) / 100, i.shape).astype(np.float32)
        for i in images
    ]
    return np.mean([np.mean(m != most) for m in fitted.predict(noise)])


def tiles(images, fitted):
    (whole,) = fitted.predict(images[:1])
    height, width = whole.shape[0] // 4, whole.shape[1] // 2
    differs = []
    for top in range(0, 4 * height, height):
        for left in range(0, 2 * width, width):
            place = slice(top, top + height), slice(left, left + width)
            inner = slice(8, -8), slice(8, -8)  # neighborhoods end at the border of a tile
            part = fitted.predict([images[0][place]])[0]
            differs.append((part != whole[place])[inner].mean())
    return np.mean(differs)


def print_scores(name, images, labels, void, rules):
    for rule in rules:
        iou, chosen = unlabeled(images, labels, void, rule)
        row = f"{name:20} {rule:9} {chosen:8} mean IoU {iou:.3f}"
        accuracy = forest(images, labels, void, rule) if len(images) > 1 else np.nan
        print(f"{row}  forest {accuracy:.3f}", flush=True)


def print_artifacts(name, images, labels, void, rules):
    for rule in rules:
        cells = []
        for artifact in ARTIFACTS:
            iou, _ = unlabeled(images, labels, void, rule, artifact)
            train = forest(images, labels, void, rule, train=artifact)
            test = forest(images, labels, void, rule, test=artifact)
            cells.append(f"{artifact}: {iou:.3f}, train {train:.3f}, test {test:.3f}")
        floats = spoiled(images, "clean", 0)
        fitted = Segmenter(rule, n_classes(labels, void), False).fit(floats)
        one = Segmenter(rule, n_classes(labels, void), False).fit(floats[:1])
        cells.append(f"empty {empties(floats, fitted):.3f}  tiles {tiles(floats, one):.3f}")
        print(f"{name:20} {rule:9}", "  ".join(cells), flush=True)


ASKED = {"scores": print_scores, "artifacts": print_artifacts}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--ask", nargs="+", choices=ASKED, default=list(ASKED))
    parser.add_argument("--limit", type=int, default=6, help="images of a set")
    parser.add_argument("--side", type=int, help="crop images to so many pixels")
    parser.add_argument("--rules", nargs="+", choices=RULES, default=list(RULES))
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", UserWarning)
    for name in options.sets or sorted(path.stem for path in options.data.glob("*.npz")):
        tasks, void = load(options.data / f"{name}.npz", options.limit, options.side)
        for images, labels in tasks:
            images = [np.atleast_3d(image) for image in images]
            for asked in options.ask:
                ASKED[asked](name, images, labels, void, options.rules)


if __name__ == "__main__":
    main()
