"""Draw the pictures that no example draws: `python docs/_pictures.py [NAME ...]`.

photographs.png (README) compares k-means on pixels with `AESegmenter`; explanation.png is put
together from two pictures of examples/plot_explain.py; samples.png shows real digits and samples of
every variant of the autoencoder.
"""

import os
import runpy
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from scipy.ndimage import label
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, load_sample_image
from sklearn.model_selection import train_test_split

from sklearn_segae import AESegmenter, AutoencoderTransformer
from sklearn_segae.metrics import match_labels

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
VARIANTS = ("plain", "denoising", "masked", "sparse", "contractive", "variational", "augmented")
N_SHOWN = 16
PHOTOGRAPHS = {"china.jpg": 4, "flower.jpg": 3}  # of scikit-learn, and their numbers of segments
PALETTE = ListedColormap(["#0072b2", "#e69f00", "#009e73", "#56b4e9"])  # of Okabe and Ito


def draw_photographs():
    """Compare k-means on pixels with default segmenters of the same number of segments."""
    figure, axes = plt.subplots(len(PHOTOGRAPHS), 3, figsize=(10, 4.7), layout="constrained")
    for row, (name, n_segments) in zip(axes, PHOTOGRAPHS.items(), strict=True):
        image = load_sample_image(name)
        segmenter = AESegmenter(n_segments, random_state=0)
        ours = segmenter.fit_predict(image[None])[0]
        pixels = KMeans(n_segments, n_init=10, random_state=0).fit_predict(image.reshape(-1, 3))
        baseline = match_labels(ours, pixels.reshape(ours.shape))
        shown = {"k-means on pixels": baseline, f"AESegmenter({n_segments})": ours}
        row[0].imshow(image)
        row[0].set_title(name, fontsize=10)
        for ax, (title, labels) in zip(row[1:], shown.items(), strict=True):
            ax.imshow(labels, cmap=PALETTE, vmin=0, vmax=3, interpolation="nearest")
            ax.set_title(f"{title}: {n_regions(labels):,} regions", fontsize=10)
        for ax in row:
            ax.set_axis_off()
    figure.savefig(IMAGES / "photographs.png", dpi=110)


def n_regions(labels):
    """Return the number of connected regions of a label map."""
    return sum(label(labels == value)[1] for value in np.unique(labels))


def draw_explanation():
    """Stack two figures of the example: segments and attributions."""
    here = Path.cwd()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        runpy.run_path(str(ROOT / "examples" / "plot_explain.py"))
        names = ("explain_segments.png", "explain_attribution.png")
        parts = [plt.imread(name)[..., :3] for name in names]
        os.chdir(here)
    width = max(part.shape[1] for part in parts)
    rows = []
    for part in parts:
        beside = width - part.shape[1]
        room = [(0, 0), (beside // 2, beside - beside // 2), (0, 0)]
        rows.append(np.pad(part, room, constant_values=1))
    plt.imsave(IMAGES / "explanation.png", np.concatenate(rows))


def draw_samples():
    """Show real digits, and as many samples of every variant."""
    X, _ = load_digits(return_X_y=True)
    train, test = train_test_split(X.reshape(-1, 8, 8), test_size=600, random_state=0)
    rows = {"real": test[:N_SHOWN]}
    for variant in VARIANTS:
        autoencoder = AutoencoderTransformer(
            variant=variant, architecture="dense", random_state=0
        ).fit(train.astype(np.float32))
        rows[variant] = autoencoder.sample(N_SHOWN)
        if variant == "variational":
            normal = np.random.default_rng(0).standard_normal((N_SHOWN, 16))
            rows["its prior"] = autoencoder.inverse_transform(normal)
    figure, axes = plt.subplots(len(rows), 1, figsize=(8, 0.52 * len(rows)), layout="constrained")
    for (name, digits), ax in zip(rows.items(), axes, strict=True):
        framed = np.pad(np.clip(digits, 0, 16), [(0, 0), (1, 1), (1, 1)])
        ax.imshow(np.hstack(list(framed)), cmap="gray_r", vmin=0, vmax=16)
        ax.set_ylabel(name, rotation=0, ha="right", va="center")
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    figure.savefig(IMAGES / "samples.png", dpi=100, bbox_inches="tight")


if __name__ == "__main__":
    mpl.use("agg")
    drawings = {
        "photographs": draw_photographs,
        "explanation": draw_explanation,
        "samples": draw_samples,
    }
    for name in sys.argv[1:] or drawings:
        drawings[name]()
