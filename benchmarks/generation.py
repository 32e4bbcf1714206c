"""Measure the quality of generated samples, and the benefit of generated images with labels.

    python benchmarks/generation.py samples [--seeds 3]
    python benchmarks/generation.py pairs --data FOLDER [--sets a b] [--seeds 5] [--strokes 0.01]

samples: every variant of AutoencoderTransformer learns 1,197 of scikit-learn's digits and draws
600; scores against the other 600, see `sklearn_segae.generation`. "pixels" draws in the same way
about the training digits themselves, "prior" decodes standard normal codes.

pairs: FOLDER/NAME.npz as for few_labels.py. Five images are labeled, by their whole label maps or
by strokes on a share of their pixels; the others are predicted (--limit of them at most). Mean IoU,
and its gain from 50 more pairs, generated or made by the classical recipe: mirrored, turned,
resized, bent and of another contrast and brightness, up to a third of a standard deviation. Images
are shrunk by whole factors until their longer side has --side pixels at most.
"""

import argparse
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from few_labels import scribble
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from sklearn_segae import AESegmenter, AutoencoderTransformer
from sklearn_segae.autoencoder._latent_sampling import draw_codes
from sklearn_segae.autoencoder._variants import VARIANTS
from sklearn_segae.generation._augmentation import draw_sources, resample
from sklearn_segae.generation._image_mask_generator import ImageMaskGenerator
from sklearn_segae.generation._sample_metrics import (
    coverage,
    mode_coverage,
    novelty,
    two_sample_accuracy,
)
from sklearn_segae.metrics import mean_iou

N_LABELED, N_NEW = 5, 50
LIGHT = 0.3  # of the classical recipe: contrast (log) and brightness (standard deviations)


def samples(arguments):
    X, y = load_digits(return_X_y=True)
    split = train_test_split(X.reshape(-1, 8, 8), y, test_size=600, random_state=0)
    train, test, classes, _ = (part.astype(np.float32) for part in split)
    classifier = SVC(gamma=0.001).fit(train.reshape(len(train), -1), classes)
    rows = {"training digits": [np.random.default_rng(0).permutation(train)[:600]], "pixels": []}
    for seed in range(arguments.seeds):
        flat = draw_codes(train.reshape(len(train), -1), 600, seed)
        rows["pixels"].append(flat.reshape(-1, 8, 8))
        for variant in sorted(VARIANTS):
            autoencoder = AutoencoderTransformer(
                variant=variant, architecture="dense", random_state=seed
            ).fit(train)
            rows.setdefault(variant, []).append(autoencoder.sample(600))
            if variant == "variational":
                normal = np.random.default_rng(seed).standard_normal((600, 16))
                rows.setdefault("prior", []).append(autoencoder.inverse_transform(normal))
    print("| samples | two-sample accuracy | novelty | coverage | classes |\n" + "| --- " * 5 + "|")
    for name, draws in rows.items():
        scores = [
            (
                two_sample_accuracy(test, new),
                novelty(train, test, new),
                coverage(test, new),
                mode_coverage(classifier, new.reshape(len(new), -1)),
            )
            for new in draws
        ]
        cells = (f"{m:.2f} ± {s:.2f}" for m, s in zip(*moments(scores), strict=True))
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


def moments(scores):
    return np.mean(scores, 0), np.std(scores, 0)


def pairs(arguments):
    for name in arguments.sets or sorted(path.stem for path in arguments.data.glob("*.npz")):
        images, maps, void = load(arguments.data / f"{name}.npz", arguments.side)
        draws = [compare(images, maps, void, seed, arguments) for seed in range(arguments.seeds)]
        for estimator in ("forest", "head"):
            found = {way: np.array([d[estimator, way] for d in draws]) for way in WAYS}
            cells = [f"{found['given'].mean():.3f} ± {found['given'].std():.3f}"]
            for way in list(WAYS)[1:]:
                gains = found[way] - found["given"]
                cells.append(f"{gains.mean():+.3f} ± {gains.std():.3f}")
            print(f"| {name} | {estimator} |", " | ".join(cells), "|", flush=True)


def load(path, side):
    """Images (h, w, C) of one number of channels, and label maps, of `side` pixels at most."""
    with np.load(path) as arrays:
        n = sum(name.startswith("image") for name in arrays.files)
        images, maps = zip(
            *(shrunk(arrays[f"image{i}"], arrays[f"labels{i}"], side) for i in range(n)),
            strict=True,
        )
        void = int(arrays["void"])
    if len({image.shape[2] for image in images}) > 1:  # some gray, some in color
        images = [image[..., :3].mean(2, keepdims=True).astype(np.uint8) for image in images]
    return list(images), list(maps), void


def shrunk(image, labels, side):
    """Means of squares of pixels, and the labels in their middles."""
    step = ceil(max(labels.shape) / side)
    height, width = (size // step for size in labels.shape)
    cut = np.atleast_3d(image)[: height * step, : width * step]
    means = cut.reshape(height, step, width, step, -1).mean((1, 3)).round().astype(image.dtype)
    return means, labels[step // 2 :: step, step // 2 :: step][:height, :width]


def compare(images, maps, void, seed, arguments):
    """Mean IoU by (estimator, way) for one draw of the labeled images."""
    order = np.random.default_rng(seed).permutation(len(images))
    given, held_out = order[:N_LABELED], order[N_LABELED:][: arguments.limit]
    X, y = [images[i] for i in given], [maps[i] for i in given]
    if arguments.strokes:
        y = scribble(y, void, arguments.strokes, np.random.default_rng(seed))
    scores = {}
    with TemporaryDirectory() as cache:
        for way, enlarge in WAYS.items():
            more_X, more_y = enlarge(X, y, seed)
            forest = RandomForestClassifier(50, random_state=seed)
            for name, estimator in {"forest": forest, "head": "head"}.items():
                segmenter = AESegmenter(
                    estimator=estimator, ignore_label=void, memory=cache, random_state=seed
                ).fit(more_X, more_y)
                found = segmenter.predict([images[i] for i in held_out])
                truth = [maps[i] for i in held_out]
                ignored = None if void < 0 else void
                scores[name, way] = mean_iou(truth, found, ignore_label=ignored, matched=False)
    return scores


def as_given(X, y, seed):
    return X, y


def classical(X, y, seed):
    rng = np.random.default_rng(seed)
    spread = np.concatenate([image.reshape(-1, image.shape[2]) for image in X]).std(0)
    low, high = min(i.min() for i in X), max(i.max() for i in X)
    new = []
    for _ in range(N_NEW):
        i = rng.integers(len(X))
        image, labels = resample(X[i].astype(float), y[i], draw_sources(y[i].shape, 1.0, rng))
        contrast, shift = np.exp(rng.uniform(-LIGHT, LIGHT)), rng.uniform(-LIGHT, LIGHT) * spread
        image = image.mean((0, 1)) + contrast * (image - image.mean((0, 1))) + shift
        new.append((np.clip(image, low, high).round().astype(X[i].dtype), labels))
    return [*X, *(image for image, _ in new)], [*y, *(labels for _, labels in new)]


def generated(X, y, seed):
    return ImageMaskGenerator(N_NEW, random_state=seed).fit_resample(X, y)


WAYS = {"given": as_given, "classical": classical, "generated": generated}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parts = parser.add_subparsers(required=True)
    part = parts.add_parser("samples")
    part.set_defaults(run=samples)
    part.add_argument("--seeds", type=int, default=3)
    part = parts.add_parser("pairs")
    part.set_defaults(run=pairs)
    part.add_argument("--data", type=Path, required=True)
    part.add_argument("--sets", nargs="+")
    part.add_argument("--seeds", type=int, default=5)
    part.add_argument("--strokes", type=float, default=0, help="share of labeled pixels; 0: all")
    part.add_argument("--side", type=int, default=192, help="of an image in pixels, at most")
    part.add_argument("--limit", type=int, default=8, help="images to predict, at most")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
