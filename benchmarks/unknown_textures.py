"""Measure how well reconstruction errors detect textures that are not in the training images.

    python benchmarks/unknown_textures.py [--epochs 10]

A network is trained on two images of one texture, of unit spread, and asked about new images of
every texture. Prints median reconstruction errors, and beside those of other textures how
often a pixel of theirs has a larger error than one of the known texture (area under the ROC
curve: 1 finds all that is unknown, 0.5 nothing).
"""

import argparse

import numpy as np
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from sklearn_segae import PixelEncoder
from sklearn_segae.inspection._reconstruction_error import reconstruction_error

SIZE = 96
BLURS = {"smooth": 2.0, "fine": 0.7, "noise": 0.0}  # in pixels
KINDS = (*BLURS, "stripes")


def texture(kind, rng):
    if kind == "stripes":
        y, x = np.mgrid[:SIZE, :SIZE]
        image = np.sin(2 * np.pi * (x + y / 2) / 6 + rng.uniform(0, 6))
    else:
        image = ndimage.gaussian_filter(rng.normal(size=(SIZE, SIZE)), BLURS[kind], mode="wrap")
    return (image / image.std()).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=10)
    args = parser.parse_args()
    print("trained on " + "".join(f"{kind:>14s}" for kind in KINDS))
    for known in KINDS:
        rng = np.random.default_rng(0)
        encoder = PixelEncoder(
            4, features="texture", pooling=4, whitening=1, max_epochs=args.epochs, random_state=0
        ).fit(np.stack([texture(known, rng) for _ in range(2)]))
        errors = {k: reconstruction_error(encoder, texture(k, rng)[None]).ravel() for k in KINDS}
        cells = []
        for kind, error in errors.items():
            truth = np.repeat([0, 1], [len(errors[known]), len(error)])
            area = roc_auc_score(truth, np.concatenate([errors[known], error]))
            cells.append(f"{np.median(error):.2f}" + ("" if kind == known else f" ({area:.2f})"))
        print(f"{known:11s}" + "".join(f"{cell:>14s}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
