"""Measure the time of segmentation, and that of k-means on PCA of patches.

    python benchmarks/speed.py [--runs 5]

Prints a table: seconds to fit and segment one mosaic, megapixels a second of `predict` on a
3-channel image of one megapixel, and what importing the package costs beside scikit-learn's.
"""

import argparse
import statistics
import subprocess
import sys
import time

import numpy as np
from sklearn.decomposition import PCA

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_mosaic

ENCODERS = {
    "PixelEncoder()": PixelEncoder(),
    "PixelEncoder(features='intensity')": PixelEncoder(features="intensity"),
    "PixelEncoder(features='texture')": PixelEncoder(features="texture", whitening=1),
    "PCA(8) of 9 x 9 patches": PCA(8),
    "passthrough": "passthrough",
}


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def import_seconds(module, runs):
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    times = [subprocess.check_output([sys.executable, "-c", code], text=True) for _ in range(runs)]
    return statistics.median(map(float, times))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    mosaic, _ = make_mosaic(1, n_segments=5, size=384, random_state=0)
    rng = np.random.default_rng(0)
    megapixel = rng.integers(0, 256, (1, 1000, 1000, 3)).astype(np.uint8)
    print(f"{'encoder':26s} {'fit_predict 384 x 384':>22s} {'predict, 3 channels':>22s}")
    for name, encoder in ENCODERS.items():
        segmenter = AESegmenter(5, encoder=encoder, random_state=0)
        fit = [seconds(lambda s=segmenter: s.fit_predict(mosaic)) for _ in range(runs)]
        segmenter.fit(megapixel)
        predict = [seconds(lambda s=segmenter: s.predict(megapixel)) for _ in range(runs)]
        speed = 1 / statistics.median(predict)
        print(f"{name:26s} {statistics.median(fit):20.2f} s {speed:17.2f} MP/s", flush=True)
    ours, theirs = (import_seconds(m, runs) for m in ("sklearn_segae", "sklearn"))
    print(f"import: sklearn_segae {ours:.2f} s, sklearn {theirs:.2f} s")


if __name__ == "__main__":
    main()
