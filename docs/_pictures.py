"""Draw the pictures that no example draws: `python docs/_pictures.py [NAME ...]`.

tissue.png and mosaics.png (README) compare k-means with `AESegmenter` on sample images, with and
without strokes; tour_*.png are the figures of the tour; explanation.png is put together from two
pictures of examples/plot_explain.py; samples.png shows real digits and samples of every variant of
the autoencoder.
"""

import os
import re
import runpy
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from scipy.ndimage import gaussian_filter
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_segae import AESegmenter, AutoencoderTransformer
from sklearn_segae.datasets import load_textures, load_tissue
from sklearn_segae.metrics import match_labels, mean_iou

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
VARIANTS = ("plain", "denoising", "masked", "sparse", "contractive", "variational", "augmented")
N_SHOWN = 16
PALETTE = ListedColormap(["#0072b2", "#e69f00", "#009e73", "#56b4e9"])  # of Okabe and Ito


def clustered(images, n_clusters, sigma=0):
    """Return label maps by k-means on smoothed pixels."""
    smooth = gaussian_filter(images.astype(float), (0, sigma, sigma, 0)[: images.ndim])
    rows = smooth.reshape(-1, images.shape[3] if images.ndim == 4 else 1)
    labels = KMeans(n_clusters, n_init=5, random_state=0).fit_predict(rows)
    return labels.reshape(images.shape[:3])


def best_smoothed(sample):
    """Return the best label maps by k-means of four smoothings, in hindsight."""
    maps = (clustered(sample.images, len(sample.target_names), sigma) for sigma in (1, 2, 4, 8))
    return max(maps, key=lambda labels: mean_iou(sample.target, labels))


def draw_tissue():
    """Compare label maps of a stained section, with the strokes on the image."""
    tissue = load_tissue()
    images, strokes = tissue.images, tissue.strokes
    maps = {
        "k-means on colors": clustered(images, 3),
        "Gaussian + k-means": best_smoothed(tissue),
        "AESegmenter(3), no labels": AESegmenter(3, random_state=0).fit_predict(images),
    }
    maps = {title: match_labels(tissue.target, labels) for title, labels in maps.items()}
    trees = AESegmenter(estimator="trees", random_state=0).fit(images, strokes)
    maps["AESegmenter, six strokes"] = trees.predict(images)
    figure, axes = plt.subplots(1, 5, figsize=(13, 2.95), layout="constrained")
    axes[0].imshow(images[0])
    for value, color in enumerate(PALETTE.colors[:3]):
        rows, columns = np.nonzero(strokes[0] == value)
        axes[0].scatter(columns, rows, s=1, c=color, label=tissue.target_names[value])
    axes[0].set_title("image and six strokes", fontsize=10)
    legend = axes[0].legend(fontsize=7, loc="lower right", markerscale=6)
    for handle in legend.legend_handles:
        handle.set_alpha(1)
    draw_maps(axes[1:], tissue.target, maps)
    figure.savefig(IMAGES / "tissue.png", dpi=110)


def draw_mosaics():
    """Compare label maps without labels on two mosaics of real textures."""
    textures = load_textures()
    maps = {
        "k-means on pixels": clustered(textures.images, 3),
        "Gaussian + k-means": best_smoothed(textures),
        "AESegmenter(3)": AESegmenter(3, random_state=0).fit_predict(textures.images),
    }
    maps = {title: match_labels(textures.target, labels) for title, labels in maps.items()}
    figure, axes = plt.subplots(1, 4, figsize=(13, 1.95), layout="constrained")
    axes[0].imshow(np.hstack(list(textures.images)), cmap="gray")
    axes[0].set_title("two mosaics of brick, grass and gravel", fontsize=10)
    draw_maps(axes[1:], textures.target, maps)
    figure.savefig(IMAGES / "mosaics.png", dpi=110)


def draw_maps(axes, truth, maps):
    """Draw label maps of all images side by side, with their mean IoU."""
    for ax, (title, labels) in zip(axes, maps.items(), strict=True):
        ax.imshow(np.hstack(list(labels)), cmap=PALETTE, vmin=0, vmax=3, interpolation="nearest")
        ax.set_title(f"{title}: {mean_iou(truth, labels, matched=False):.2f}", fontsize=10)
    for ax in axes[0].figure.axes:
        ax.set_axis_off()


def draw_tour():
    """Save the figures of the tour as docs/images/tour_*.png, in their order."""
    page = (ROOT / "docs" / "start" / "tour.md").read_text()
    names = iter(re.findall(r"\(\.\./images/(tour_\w+\.png)\)", page))
    session, here = {"__name__": "__main__"}, Path.cwd()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        for code in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
            exec(code, session)
            for number in plt.get_fignums():
                plt.figure(number).savefig(IMAGES / next(names), dpi=80)
                plt.close(number)
        os.chdir(here)


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
        "tissue": draw_tissue,
        "mosaics": draw_mosaics,
        "tour": draw_tour,
        "explanation": draw_explanation,
        "samples": draw_samples,
    }
    for name in sys.argv[1:] or drawings:
        drawings[name]()
