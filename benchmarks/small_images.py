"""Measure how long small images take, compared with the same pixels in one image.

    python benchmarks/small_images.py [--n 100] [--runs 3]

Prints processor seconds of `predict`, `transform` and `predict_proba` for one image of 840 x 840
pixels, for its 900 crops of 28 x 28 (from `--n` of them), and their ratio; the least of the runs.
"""

import argparse
import time
import warnings

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_shapes

SIDE, N_SIDE = 28, 30
SEGMENTERS = {
    "intensity": AESegmenter(3, encoder=PixelEncoder(features="intensity", max_epochs=0)),
    "texture": AESegmenter(3, encoder=PixelEncoder(features="texture", max_epochs=0)),
    "multiscale, trees": AESegmenter(
        encoder=PixelEncoder(8, features="multiscale", max_epochs=0), estimator="trees"
    ),
}


def seconds(function, X, runs):
    times = []
    for _ in range(runs):
        start = time.process_time()
        function(X)
        times.append(time.process_time() - start)
    return min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # crops are smaller than the fitted images
    images, labels = make_shapes(2, size=128, noise=0.1, random_state=1)
    (large,), _ = make_shapes(1, size=SIDE * N_SIDE, noise=0.1, random_state=0)
    crops = large.reshape(N_SIDE, SIDE, N_SIDE, SIDE, -1).swapaxes(1, 2)
    crops = crops.reshape(N_SIDE**2, SIDE, SIDE, -1)[: options.n]
    print(f"{'':18s} {'method':14s} {'one image':>10s} {'900 crops':>10s} {'ratio':>6s}")
    for name, segmenter in SEGMENTERS.items():
        segmenter.set_params(random_state=0, normalize="dataset").fit(images, labels)
        for method in ("predict", "transform", "predict_proba"):
            function = getattr(segmenter, method)
            function(crops[:2])
            one = seconds(function, large[None], options.runs)
            many = seconds(function, crops, options.runs) * N_SIDE**2 / options.n
            print(
                f"{name:18s} {method:14s} {one:8.2f} s {many:8.2f} s {many / one:6.1f}", flush=True
            )


if __name__ == "__main__":
    main()
