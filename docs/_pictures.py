"""Draw the pictures of the pages on explanation and generation: `python docs/_pictures.py`.

explanation.png is put together from two of examples/plot_explain.py; samples.png shows real digits
and draws by every variant of the autoencoder.
"""

import os
import runpy
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_segae import AutoencoderTransformer

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
VARIANTS = ("plain", "denoising", "masked", "sparse", "contractive", "variational", "augmented")
N_SHOWN = 16


def draw_explanation():
    """Stack what the example draws: segments, and two reasons."""
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
    """Show real digits, and as many draws by every variant."""
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
    wanted = sys.argv[1:] or ("explanation", "samples")
    for name in wanted:
        {"explanation": draw_explanation, "samples": draw_samples}[name]()
