"""Measure the quality of codes, by clustering and by reconstruction.

    python benchmarks/codes.py cluster [--seeds 3] [--data images.npz] [--settings default conv]
    python benchmarks/codes.py reconstruct [--seeds 3] [--data images.npz]

`cluster` runs k-means (as many clusters as classes, n_init 10) on pixels, on 10 principal
components, and on 10 components of AutoencoderTransformer, and gives the accuracy after matching
clusters to classes. `reconstruct` gives the mean squared error on a fifth of the images that was
held out, over that of PCA, with 10 and with 32 components. Both are means over seeds, with the
standard deviation and the seconds of a fit. The data are scikit-learn's digits, or arrays `image`
(n, H, W) and `target` of an .npz.
"""

import argparse
import time
from functools import partial

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_segae import AutoencoderTransformer
from sklearn_segae.metrics import matched_accuracy

# Of rows unless they say images. Pixels lie in [0, 1].
SETTINGS = {
    "default": {},
    "standard": {"scaling": "standard"},
    "patient": {
        "hidden_layer_sizes": (512,),
        "activation": "gelu",
        "batch_size": 32,
        "max_epochs": 60,
    },
    "denoising": {"variant": "denoising", "variant_strength": 1},
    "conv": {"architecture": "conv", "max_epochs": 40},
    "augmented": {
        "variant": "augmented",
        "variant_strength": 1.3,
        "architecture": "dense",
        "hidden_layer_sizes": (512, 512),
        "activation": "gelu",
        "scaling": None,
        "max_epochs": 160,
        "n_iter_no_change": 160,  # the loss is as noisy as the distortions
    },
}
OF_IMAGES = {"conv", "augmented"}


def rows(images):
    return images.reshape(len(images), -1)


def setting(name, n_components, seed):
    parameters = {"random_state": seed, "device": "cpu"} | SETTINGS[name]
    autoencoder = AutoencoderTransformer(n_components, **parameters)
    return autoencoder if name in OF_IMAGES else of_rows(autoencoder)


def of_rows(transformer):
    return make_pipeline(FunctionTransformer(rows, lambda X: X, check_inverse=False), transformer)


def load(path):
    if path is None:
        digits = load_digits()
        return (digits.images / 16).astype(np.float32), digits.target
    with np.load(path) as arrays:
        return arrays["image"].astype(np.float32) / 255, arrays["target"]


def accuracy(images, target, seed, transformer):
    n_clusters = len(np.unique(target))
    clusterer = KMeans(n_clusters, n_init=10, random_state=seed)
    return matched_accuracy(target, clusterer.fit_predict(transformer.fit_transform(images)))


def error_ratio(images, n_components, seed, name):
    train, test = train_test_split(images, test_size=0.2, random_state=seed)
    ours, pca = setting(name, n_components, seed), of_rows(PCA(n_components, random_state=seed))
    return error(ours.fit(train), test) / error(pca.fit(train), test)


def error(transformer, test):
    back = transformer.inverse_transform(transformer.transform(test))
    return np.mean((rows(test) - rows(back)) ** 2)


def report(name, function, seeds):
    start = time.perf_counter()
    found = [function(seed) for seed in range(seeds)]
    seconds = (time.perf_counter() - start) / seeds
    print(f"{name:26s} {np.mean(found):5.3f} +- {np.std(found):5.3f} {seconds:6.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["cluster", "reconstruct"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", help="an .npz; scikit-learn's digits without it")
    parser.add_argument("--settings", nargs="+", choices=list(SETTINGS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    images, target = load(arguments.data)
    if arguments.what == "reconstruct":
        for name in arguments.settings or ["default", "standard", "patient"]:
            for n in (10, 32):
                ratio = partial(error_ratio, images, n, name=name)
                report(f"{name}, {n} of PCA's error", ratio, arguments.seeds)
        return
    plain = partial(accuracy, images, target)
    peers = {"pixels": FunctionTransformer(rows), "PCA": of_rows(PCA(10, random_state=0))}
    for name, peer in peers.items():
        report(name, partial(plain, transformer=peer), arguments.seeds)
    for name in arguments.settings or SETTINGS:
        ours = partial(setting, name, 10)
        report(name, lambda seed, ours=ours: plain(seed, ours(seed)), arguments.seeds)


if __name__ == "__main__":
    main()
