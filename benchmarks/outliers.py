"""Detect digits of one class among nine others by their reconstruction errors.

    python benchmarks/outliers.py [--seeds 3] [--data images.npz] [--variants plain denoising]

Each class in turn is the outliers'. Detectors learn from one half of the other nine classes, and
judge the other half and the outliers (the first 1000 rows of both). The table gives the ROC AUC
of every class, a mean over the seeds, which draw halves and weights; then the mean over classes,
and the spread (standard deviation) of that mean over seeds. The data are scikit-learn's digits, or
arrays `image` (n, H, W) and `target` of an .npz.

The peers: IsolationForest, PCA of as many components, judged by its reconstruction too, and
pyod's AutoEncoder, if that is installed.
"""

import argparse

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklearn_segae import AutoencoderTransformer

try:
    from pyod.models.auto_encoder import AutoEncoder
except ImportError:
    AutoEncoder = None

N_COMPONENTS, N_JUDGED = 16, 1000


def ours(variant, scaling="auto"):
    def scores(train, test, seed):
        ae = AutoencoderTransformer(
            N_COMPONENTS, variant=variant, scaling=scaling, random_state=seed
        )
        return ae.fit(train).score_samples(test)

    return scores


def isolation_forest(train, test, seed):
    return IsolationForest(random_state=seed).fit(train).score_samples(test)


def pca(scaled):
    def scores(train, test, seed):
        if scaled:
            scaler = StandardScaler().fit(train)
            train, test = scaler.transform(train), scaler.transform(test)
        axes = PCA(N_COMPONENTS, random_state=seed).fit(train)
        return -((test - axes.inverse_transform(axes.transform(test))) ** 2).mean(1)

    return scores


def pyod(train, test, seed):
    detector = AutoEncoder(verbose=0, random_state=seed)
    return -detector.fit(train).decision_function(test)


def load(path):
    if path is None:
        X, y = load_digits(return_X_y=True)
        return (X / 16).astype(np.float32), y
    with np.load(path) as arrays:
        images = arrays["image"]
        return images.reshape(len(images), -1).astype(np.float32) / 255, arrays["target"]


def held_out_auc(X, y, scores, outlier, seed):
    inliers, outliers = X[y != outlier], X[y == outlier]
    train, test = train_test_split(inliers, test_size=0.5, random_state=seed)
    test, outliers = test[:N_JUDGED], outliers[:N_JUDGED]
    truth = np.repeat([1, 0], [len(test), len(outliers)])
    return roc_auc_score(truth, scores(train, np.concatenate([test, outliers]), seed))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", help="an .npz; scikit-learn's digits without it")
    parser.add_argument("--variants", nargs="+", default=["plain", "denoising", "masked"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    X, y = load(arguments.data)
    classes = np.unique(y)
    detectors = {f"ours, {variant}": ours(variant) for variant in arguments.variants}
    detectors["ours, plain, standardized"] = ours("plain", "standard")
    detectors |= {"IsolationForest": isolation_forest}
    detectors |= {"PCA": pca(False), "PCA, scaled": pca(True)}
    if AutoEncoder is None:
        print("pyod is not installed: its row is left out")
    else:
        detectors["pyod AutoEncoder"] = pyod
    print(f"{'outliers are':26s}", *(f"{c:4d}" for c in classes), "   mean  spread")
    for name, scores in detectors.items():
        found = [
            [held_out_auc(X, y, scores, outlier, seed) for outlier in classes]
            for seed in range(arguments.seeds)
        ]
        means = np.mean(found, 1)
        row = " ".join(f"{auc:4.2f}" for auc in np.mean(found, 0))
        print(f"{name:26s} {row}  {means.mean():6.3f}  {means.std():6.3f}", flush=True)


if __name__ == "__main__":
    main()
