"""Measure the speed of encoding with torch, onnxruntime and 16 bits, and of PCA and k-means.

    python benchmarks/inference.py [--side 1024] [--repeats 3] [--bfloat16]

One image of three channels, the default encoder for every features. Times are of `transform`, the
best of some repeats, in turn, so that a busy machine is unfair to all alike: million pixels per
second of wall time on one thread and on two, and per second of processor time on one. 16 bits are
shown a corner of the image: processors without instructions for them take thirty times as long.
Accuracy is the difference of codes from those of torch in 32 bits, the corner's right and lower
side apart: the largest, and the root of the mean square as a share of the codes' spread.
"""

import argparse
import copy
import time

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_mosaic


def image_of(side):
    """A mosaic of four textures in three channels that differ."""
    image, _ = make_mosaic(1, n_segments=4, size=side, random_state=0)
    noise = np.random.default_rng(0).normal(size=image.shape)
    channels = [image, np.roll(image, 3, 1) + 0.1 * noise, np.roll(image, 5, 2)]
    return np.concatenate(channels, axis=3).astype(np.float32)


CORNER = 512  # pixels
REACH = 80  # that a code sees


def seen_by(name, image):
    return image[:, :CORNER, :CORNER] if name.endswith("bfloat16") else image


def contestants(image):
    """Yield (name, function of the image)."""
    part = image[:, :256, :256]
    for features in ("intensity", "texture", "multiscale"):
        encoder = PixelEncoder(features=features, whitening=1, max_epochs=1, random_state=0).fit(
            part
        )
        for backend in ("torch", "onnx", "bfloat16"):
            yield (
                f"{features}, {backend}",
                copy.deepcopy(encoder).set_params(backend=backend).transform,
            )
    rival = AESegmenter(4, encoder=PCA(16), estimator=KMeans(4, n_init=1), random_state=0).fit(part)
    yield "PCA of 9x9 patches, codes", rival.transform
    yield "PCA of 9x9 patches + k-means", rival.predict
    ours = AESegmenter(
        4, encoder=PixelEncoder(features="texture", whitening=1, max_epochs=1), random_state=0
    )
    yield "AESegmenter, texture", ours.fit(part).predict
    ours = AESegmenter(4, encoder=PixelEncoder(features="intensity", max_epochs=1), random_state=0)
    yield "AESegmenter, color", ours.fit(part).predict


def measure(function, image, n_threads):
    torch.set_num_threads(n_threads)
    with threadpool_limits(n_threads):
        wall, processor = time.perf_counter(), time.process_time()
        result = function(image)
        return time.perf_counter() - wall, time.process_time() - processor, result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--bfloat16", action="store_true", help="16 bits, too")
    options = parser.parse_args()
    image = image_of(options.side)
    torch.set_num_threads(1)
    todo = [c for c in contestants(image) if options.bfloat16 or not c[0].endswith("bfloat16")]
    for _, function in todo:
        function(image[:, :128, :128])  # sessions are made
    times = {}
    for _ in range(options.repeats):
        for n_threads in (1, 2):
            for name, function in todo:
                wall, processor, result = measure(function, seen_by(name, image), n_threads)
                times.setdefault((name, n_threads), []).append((wall, processor))
                if n_threads == 1 and name.startswith(("intensity", "texture", "multiscale")):
                    times["codes", name] = result
    names = f"{'1 thread':>9s} {'2':>6s} {'per CPU second':>15s} {'difference':>11s} {'share':>9s}"
    print(f"{'MP/s':32s} {names}")
    for name, _ in todo:
        one, two = (np.min(times[name, n], axis=0) for n in (1, 2))
        reference = times.get(("codes", name.split(",")[0] + ", torch"))
        codes = times.get(("codes", name))
        difference = ""
        if reference is not None and codes is not None:
            height, width = (side - REACH for side in seen_by(name, image).shape[1:3])
            apart = codes[:, :height, :width] - reference[:, :height, :width]
            share = np.sqrt(np.mean(apart**2) / reference.var())
            difference = f"{np.abs(apart).max():.1e} {share:9.1e}"
        megapixels = np.prod(seen_by(name, image).shape[1:3]) / 1e6
        print(
            f"{name:32s} {megapixels / one[0]:9.2f} {megapixels / two[0]:6.2f} "
            f"{megapixels / one[1]:15.2f} {difference:>21s}"
        )


if __name__ == "__main__":
    main()
