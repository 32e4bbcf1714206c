"""Measure the share of an attribution that falls on the decisive channel.

    python benchmarks/attribution.py [--seeds 2] [--pixels 2] [--cases 0 1 2 3 4 5]
                                     [--size 96] [--epochs 5] [--others noise]

Segments differ in one channel only, by color or by texture; the others are noise of the same
variance. For every explained pixel, the table gives the share of the decisive channel in the
absolute attribution, in the map and for whole channels (`result.channels`), and the share of the
map within three poolings of the pixel. These are means over seeds and pixels, with the lowest seed
in brackets. It also gives the seconds per pixel on one core, and the lowest accuracy of the
segmentation over seeds.

With `--others constant` the other channels are empty. Attribution that they only get with noise
shows that the model uses noise.
"""

import argparse
import time
from collections import defaultdict

import numpy as np
import torch
from scipy import ndimage
from sklearn.ensemble import RandomForestClassifier

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_mosaic, make_shapes
from sklearn_segae.inspection._attribution import pixel_attribution
from sklearn_segae.metrics import matched_accuracy

DECIDES = 1
INSIDE = 4  # pixels between an explained pixel and the nearest border


def by_color(size, seed, noise):
    """Three channels of noise; in one of them, shapes are brighter by five standard deviations."""
    _, labels = make_shapes(2, size=size, random_state=seed)
    labels = (labels > 0).astype(int)
    images = np.random.default_rng(seed).normal(size=(*labels.shape, 3)).astype(np.float32)
    images[..., np.arange(3) != DECIDES] *= noise
    images[..., DECIDES] += 5 * labels
    return images, labels


def by_texture(size, seed, noise):
    """Two channels of noise, that of one filtered into two textures."""
    textures, labels = make_mosaic(2, n_segments=2, size=size, random_state=seed)
    images = np.random.default_rng(seed).normal(size=(*labels.shape, 2)).astype(np.float32)
    images *= noise
    images[..., DECIDES] = textures[..., 0]
    return images, labels


def forest():
    return RandomForestClassifier(30, max_depth=8, random_state=0)


CASES = {  # what differs, features, estimator, methods
    ("intensity", "intensity", "mixture"): (by_color, None, ("integrated_gradients", "occlusion")),
    ("intensity", "multiscale", "head"): (by_color, "head", ("integrated_gradients", "occlusion")),
    ("intensity", "intensity", "forest"): (by_color, forest(), ("occlusion",)),
    ("texture", "texture", "k-means"): (by_texture, None, ("integrated_gradients", "occlusion")),
    ("texture", "texture", "head"): (by_texture, "head", ("integrated_gradients", "occlusion")),
    ("texture", "multiscale", "head"): (by_texture, "head", ("integrated_gradients", "occlusion")),
}


def share(values):
    """Return the share of the deciding channel, the last axis being channels."""
    total = np.abs(values).reshape(-1, values.shape[-1]).sum(0)
    return total[DECIDES] / total.sum()


def nearness(result, reach):
    """Return the share of the absolute attribution within `reach` pixels of the explained one."""
    mass = np.abs(result.attribution).sum(2)
    apart = ndimage.distance_transform_cdt(~result.region, "chessboard")
    return mass[apart <= reach].sum() / mass.sum()


def pixels_inside(labels, n, rng):
    """Draw pixels, in turn from each segment."""
    for i in range(n):
        inner = np.argwhere(ndimage.binary_erosion(labels == i % 2, iterations=INSIDE))
        yield tuple(map(int, inner[rng.integers(len(inner))]))


def measure(segmenter, image, labels, method, baseline, n_pixels):
    rng = np.random.default_rng(0)
    reach = np.ceil(3 * segmenter.encoder_.pooling_)
    for pixel in pixels_inside(labels, n_pixels, rng):
        start = time.process_time()
        result = pixel_attribution(segmenter, image, pixel, method=method, baseline=baseline)
        seconds = time.process_time() - start
        if np.any(result.attribution) and np.any(
            result.channels
        ):  # else nothing was seen to matter
            yield (
                share(result.attribution),
                share(result.channels),
                nearness(result, reach),
                seconds,
            )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--pixels", type=int, default=2)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--cases", type=int, nargs="+", default=range(len(CASES)))
    parser.add_argument("--others", choices=("noise", "constant"), default="noise")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(
        "| differs | codes, estimator | method | baseline | map | channels | near | s | accuracy |"
    )
    print("| --- " * 9 + "|")
    for case in args.cases:
        (differs, features, name), (make, estimator, methods) = list(CASES.items())[case]
        results, accuracies = defaultdict(list), []
        for seed in range(args.seeds):
            images, labels = make(args.size, seed, noise=args.others == "noise")
            encoder = PixelEncoder(features=features, max_epochs=args.epochs)
            segmenter = AESegmenter(2, encoder=encoder, estimator=estimator, random_state=seed)
            segmenter.fit(images, labels)
            accuracies.append(matched_accuracy(labels, segmenter.predict(images)))
            for method in methods:
                for baseline in ("other_segment", "mean"):
                    options = method, baseline, args.pixels
                    found = list(measure(segmenter, images[0], labels[0], *options))
                    if found:
                        results[method, baseline].append(np.mean(found, 0))
        for (method, baseline), rows in results.items():
            mean, low = np.mean(rows, 0), np.min(rows, 0)
            shares = (f"{m:.3f} ({w:.2f})" for m, w in zip(mean[:2], low[:2], strict=True))
            cells = [differs, f"{features}, {name}", method, baseline, *shares, f"{mean[2]:.2f}"]
            print("|", " | ".join(cells), f"| {mean[3]:.1f} | {min(accuracies):.3f} |", flush=True)


if __name__ == "__main__":
    main()
