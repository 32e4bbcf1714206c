"""Measure time and memory for images of 0.1 to 64 megapixels.

    python benchmarks/scaling.py [--largest 16] [--features texture] [--runs 1] [--plot figure.png]

One square gray image a size, float32, tiled from a 1024 x 1024 mosaic, segmented into five. Every
step runs in a fresh process. Prints a table: seconds of `fit_predict` and of `predict` (medians
over runs), megapixels a second of `predict`, and peak memory of the process while predicting, less
the image and its label map; below it what the libraries and the model take of that memory, and
the slopes of log(seconds) against log(pixels): 1 is linear. Fitting has a fixed cost, the
training, and so a lower slope.

All settings are the defaults but for features and whitening. Left to themselves they follow the
image, and what they come to changes the cost several times over: textures are the slowest.
"""

import argparse
import pickle
import resource
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_mosaic

MEGAPIXELS = (0.1, 0.4, 1, 4, 16, 64)
N_SEGMENTS = 5
MOSAIC, MODEL = "mosaic.npy", "model.pickle"


def in_fresh_process(function, *args):
    """Peaks of memory are those of a process: none may see what another one needed."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


def save_mosaic(folder):
    images, _ = make_mosaic(1, n_segments=N_SEGMENTS, size=1024, random_state=0)
    np.save(folder / MOSAIC, images[0])


def tiled(folder, megapixels):
    """One image (1, side, side, 1)."""
    mosaic = np.load(folder / MOSAIC)
    repeated = np.arange(side_of(megapixels)) % len(mosaic)
    return mosaic[np.ix_(repeated, repeated)][None]  # at once: numpy.tile would need room for two


def side_of(megapixels):
    return round((megapixels * 1e6) ** 0.5)


def fit(folder, megapixels, features, runs):
    """Return seconds of `fit_predict`; leaves the fitted model behind."""
    images = tiled(folder, megapixels)
    encoder = PixelEncoder(features=features, whitening=1)
    segmenter = AESegmenter(N_SEGMENTS, encoder=encoder, random_state=0)
    times = [seconds(segmenter.fit_predict, images) for _ in range(runs)]
    del segmenter.labels_  # they would count as memory of `predict`
    (folder / MODEL).write_bytes(pickle.dumps(segmenter))
    return statistics.median(times)


def predict(folder, megapixels, runs):
    """Return seconds of `predict`, and bytes at the peak and before there was an image."""
    segmenter = pickle.loads((folder / MODEL).read_bytes())
    libraries = peak_memory()
    images = tiled(folder, megapixels)
    times = [seconds(segmenter.predict, images) for _ in range(runs)]
    data = images.nbytes + images[..., 0].size * np.dtype(np.int32).itemsize
    return statistics.median(times), peak_memory() - data, libraries


def seconds(function, images):
    start = time.perf_counter()
    function(images)
    return time.perf_counter() - start


def peak_memory():
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def slope(megapixels, times):
    return np.polyfit(np.log(megapixels), np.log(times), 1)[0]


def plot(rows, libraries, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"font.size": 12, "axes.spines.top": False, "axes.spines.right": False})
    megapixels, fitting, predicting, memory = np.array(rows).T
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), sharex=True, layout="constrained")
    left.plot(megapixels, fitting, "C1s-", label="fit_predict")
    left.plot(megapixels, predicting, "C0o-", label="predict")
    left.plot(megapixels, predicting[-1] / megapixels[-1] * megapixels, "k:", label="slope 1")
    left.set_ylabel("seconds")
    right.plot(megapixels, memory / 1e6, "C0o-", label="predict, less image and label map")
    right.axhline(libraries / 1e6, color="0.5", linestyle="--", label="libraries alone")
    right.plot(megapixels, 8 * megapixels, "k:", label="image and label map (slope 1)")
    right.set_ylabel("memory in MB")
    for axes, top in ((left, 1), (right, 0.82)):
        axes.set(xscale="log", yscale="log", xlabel="megapixels")
        axes.set_xticks(megapixels, [f"{m:g}" for m in megapixels])
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.grid(alpha=0.25)
        axes.legend(loc="upper left", bbox_to_anchor=(0, top), frameon=False, fontsize=11)
    figure.savefig(path, dpi=100)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--largest", type=float, default=16, help="megapixels")
    parser.add_argument(
        "--features",
        choices=("auto", "intensity", "texture", "intensity+texture"),
        default="texture",
    )
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--plot", metavar="PATH")
    args = parser.parse_args()
    columns = f"{'fit_predict':>12s} {'predict':>10s} {'speed':>11s} {'memory':>10s}"
    print(f"megapixels {columns}", flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        in_fresh_process(save_mosaic, folder)
        for megapixels in (m for m in MEGAPIXELS if m <= args.largest):
            fitting = in_fresh_process(fit, folder, megapixels, args.features, args.runs)
            predicting, memory, libraries = in_fresh_process(predict, folder, megapixels, args.runs)
            rows.append((megapixels, fitting, predicting, memory))
            print(
                f"{megapixels:10g} {fitting:10.1f} s {predicting:8.2f} s "
                f"{megapixels / predicting:6.2f} MP/s {memory / 1e6:7.0f} MB",
                flush=True,
            )
    print(f"libraries and model alone: {libraries / 1e6:.0f} MB")
    megapixels, fitting, predicting, _ = np.array(rows).T
    print(f"slope of predict {slope(megapixels, predicting):.2f}", end=", ")
    print(f"of fit_predict {slope(megapixels, fitting):.2f}")
    if args.plot:
        plot(rows, libraries, args.plot)


if __name__ == "__main__":
    main()
