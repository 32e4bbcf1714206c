"""Measure the time of k-means on codes, on patches, and on PCA of patches.

    python benchmarks/components.py [--size 384] [--segments 5] [--images 3] [--plot figure.png]
    python benchmarks/components.py --files a.png b.png --truth a_t.png b_t.png

Every image is encoded once. Then k-means is fitted to 20,000 random pixels, 20 times over as in
AESegmenter, and predicts all pixels; borders are not refined. Prints a table: seconds to cluster,
to label, and how many times faster either is than with raw 9 x 9 patches of the same image
(medians over images), and mean IoU with its standard deviation over images. Encoding is timed
apart: learning and computing the codes of all pixels, or cutting the patches and projecting them.
"""

import argparse
import time
from functools import partial

import imageio.v3 as iio
import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.preprocessing import FunctionTransformer

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_mosaic
from sklearn_segae.metrics import mean_iou

COMPONENTS = (2, 4, 8, 16, 32, 64)
CODES, PCA_PATCHES, RAW = "codes", "PCA of patches", "raw patches"
ORDER = (CODES, PCA_PATCHES, RAW)
N_FIT_PIXELS = 20_000


def timed(function):
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def encodings(images):
    """Yield name, rows (n_pixels, n) of what stands for the pixels, and seconds to get them."""
    patches, cutting = timed(partial(cut_patches, images))
    yield RAW, patches, cutting
    sample = patches[random_pixels(len(patches))]
    for n in COMPONENTS:
        rows, seconds = timed(lambda n=n: PCA(n, random_state=0).fit(sample).transform(patches))
        yield PCA_PATCHES, rows, cutting + seconds
        encoder = PixelEncoder(n, features="texture", random_state=0)
        codes, seconds = timed(lambda e=encoder: e.fit_transform(images))
        yield CODES, codes.reshape(-1, n), seconds


def cut_patches(images):
    """Return rows of 81 numbers per channel, as other transformers get them in AESegmenter."""
    segmenter = AESegmenter(
        1, encoder=FunctionTransformer(), estimator=KMeans(1, n_init=1), patch_size=9
    )
    patches = segmenter.fit(images).transform(images)
    return patches.reshape(-1, patches.shape[-1])


def random_pixels(n_pixels):
    rng = np.random.default_rng(0)
    return rng.choice(n_pixels, min(n_pixels, N_FIT_PIXELS), replace=False)


def measure(rows, truth, runs):
    """Return seconds to cluster and to label, medians over runs, and mean IoU."""
    sample = rows[random_pixels(len(rows))]
    kmeans = KMeans(len(np.unique(truth)), n_init=20, random_state=0)
    cluster = [timed(lambda: kmeans.fit(sample))[1] for _ in range(runs)]
    labels = kmeans.predict(rows)
    label = [timed(lambda: kmeans.predict(rows))[1] for _ in range(5 * runs)]
    score = mean_iou(truth, labels.reshape(truth.shape))
    return np.median(cluster), np.median(label), score


def synthetic(n_images, size, n_segments):
    for seed in range(n_images):
        yield make_mosaic(1, n_segments=n_segments, size=size, random_state=seed)


def from_files(paths, truths):
    for path, truth in zip(paths, truths, strict=True):
        yield iio.imread(path)[None], iio.imread(truth)[None].astype(int)


def summary(results):
    """Mean over images of what was measured, and medians of times and of ratios to raw patches.

    A dict (name, n_columns) -> dict of numbers, from one such dict of (encode, cluster, label,
    score) for every image.
    """
    raw = next(key for key in results[0] if key[0] == RAW)
    table = {}
    for key in results[0]:
        own = np.array([result[key] for result in results])
        times = own[:, :3]
        ratio = np.array([result[raw] for result in results])[:, 1:3] / times[:, 1:]
        encode, cluster, label = np.median(times, 0)
        table[key] = {
            "encode": encode,
            "cluster": cluster,
            "label": label,
            "cluster_gain": np.median(ratio[:, 0]),
            "label_gain": np.median(ratio[:, 1]),
            "score": own[:, 3].mean(),
            "spread": own[:, 3].std(),
        }
    return table


def print_table(table):
    print(
        f"{'':14s} {'columns':>7s} {'encode':>9s} {'cluster':>10s} {'faster':>8s} "
        f"{'label all':>10s} {'faster':>8s}   mean IoU"
    )
    for (name, n), row in sorted(
        table.items(), key=lambda item: (ORDER.index(item[0][0]), item[0])
    ):
        print(
            f"{name:14s} {n:7d} {row['encode']:7.2f} s {row['cluster']:8.3f} s "
            f"{row['cluster_gain']:7.1f}x {row['label'] * 1e3:7.1f} ms {row['label_gain']:7.1f}x"
            f"   {row['score']:.3f} ± {row['spread']:.3f}"
        )


def plot(table, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"font.size": 12, "axes.spines.top": False, "axes.spines.right": False})
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6), sharex=True, layout="constrained")
    for name, color, marker in ((CODES, "C0", "o"), (PCA_PATCHES, "C1", "s")):
        rows = [table[name, n] for n in COMPONENTS]
        look = {"color": color, "marker": marker}
        left.plot(COMPONENTS, [1 / row["cluster_gain"] for row in rows], **look)
        left.plot(COMPONENTS, [1 / row["label_gain"] for row in rows], "--", mfc="white", **look)
        scores, spreads = zip(*((row["score"], row["spread"]) for row in rows), strict=True)
        right.errorbar(COMPONENTS, scores, spreads, capsize=3, label=name, **look)
    name, raw = next((f"{name}, {n} columns", table[name, n]) for name, n in table if name == RAW)
    left.axhline(1, color="0.4", linestyle=":")
    right.axhline(raw["score"], color="0.4", linestyle=":", label=name)
    left.set(yscale="log", ylabel="k-means time, relative to raw patches")
    ticks = [tick for tick in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1) if tick > left.get_ylim()[0]]
    left.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    left.plot([], [], "k-", marker=".", label=f"clustering {N_FIT_PIXELS:,} pixels")
    left.plot([], [], "k--", marker=".", mfc="white", label="labeling all pixels")
    left.legend(loc="upper left", bbox_to_anchor=(0, 0.93), frameon=False)
    right.set(ylim=(0, 1), ylabel="mean IoU")
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(COMPONENTS, COMPONENTS)
        axes.set_xlabel("components per pixel")
        axes.minorticks_off()
        axes.grid(alpha=0.25)
    legend = right.get_legend_handles_labels()
    figure.legend(*legend, loc="outside upper center", ncols=3, frameon=False)
    figure.savefig(path, dpi=100)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--segments", type=int, default=5)
    parser.add_argument("--images", type=int, default=3)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--files", nargs="+")
    parser.add_argument("--truth", nargs="+")
    parser.add_argument("--plot", metavar="PATH")
    args = parser.parse_args()
    given = args.files
    items = (
        from_files(given, args.truth) if given else synthetic(args.images, args.size, args.segments)
    )
    results = []
    for images, truth in items:
        result = {}
        for name, rows, seconds in encodings(images):
            result[name, rows.shape[1]] = (seconds, *measure(rows, truth, args.runs))
        results.append(result)
    table = summary(results)
    print_table(table)
    if args.plot:
        plot(table, args.plot)


if __name__ == "__main__":
    main()
