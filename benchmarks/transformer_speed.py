"""Compare the training time of AutoencoderTransformer with other ways to train the same network.

    python benchmarks/transformer_speed.py [--runs 5]

One thread, one process, random data, a dense net of 256 hidden units and 16 components, as many
updates for each. Every run times all contestants one after another; the table gives our median
seconds, and the median over the runs of our time divided by theirs. Below 1 we are faster.

* loop: the loop of torch's tutorials, a DataLoader over a TensorDataset and plain Adam;
* skorch: NeuralNet with its defaults and Adam, but nothing held out, so that updates are as many;
* keras: on torch, `compile` and `fit`, if keras is installed;
* products: the matrix products of the encoder alone, in torch, on scaled input.

The net is our default, with its linear path; peers start it from random weights.
"""

import argparse
import os
import statistics
import time
import warnings

import numpy as np
import skorch
import torch
from torch.utils.data import DataLoader, TensorDataset

from sklearn_segae import AutoencoderTransformer
from sklearn_segae.networks import DenseAutoencoder
from sklearn_segae.networks._autoencoders import LinearShortcut

os.environ.setdefault("KERAS_BACKEND", "torch")
try:
    import keras
except ImportError:
    keras = None

CASES = [(100, 784, 10, 40), (1797, 64, 128, 30), (10_000, 784, 128, 3)]  # the last are epochs
HIDDEN, N_COMPONENTS = 256, 16


def build(n_features):
    layers = DenseAutoencoder(n_features, N_COMPONENTS, (HIDDEN,))
    return LinearShortcut(layers, (n_features,), N_COMPONENTS)


def fit_ours(X, batch_size, epochs):
    AutoencoderTransformer(
        N_COMPONENTS,
        hidden_layer_sizes=(HIDDEN,),
        batch_size=batch_size,
        max_epochs=epochs,
        n_iter_no_change=epochs,
        device="cpu",
        random_state=0,
    ).fit(X)


def fit_loop(X, batch_size, epochs):
    net = build(X.shape[1])
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    criterion = torch.nn.MSELoss()
    loader = DataLoader(TensorDataset(torch.from_numpy(X)), batch_size, shuffle=True)
    for _ in range(epochs):
        total = 0.0
        for (x,) in loader:
            optimizer.zero_grad()
            loss = criterion(net(x), x)
            loss.backward()
            optimizer.step()
            total += loss.item()


def fit_skorch(X, batch_size, epochs):
    skorch.NeuralNet(
        build(X.shape[1]),
        criterion=torch.nn.MSELoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=batch_size,
        max_epochs=epochs,
        train_split=None,
        iterator_train__shuffle=True,
        verbose=0,
    ).fit(X, X)


def fit_keras(X, batch_size, epochs):
    dense, n = keras.layers.Dense, X.shape[1]
    rows = keras.Input((n,))
    straight = dense(N_COMPONENTS)(rows)
    codes = keras.layers.add([dense(N_COMPONENTS)(dense(HIDDEN, "relu")(rows)), straight])
    straight = dense(n)(codes)
    back = keras.layers.add([dense(n)(dense(HIDDEN, "relu")(codes)), straight])
    net = keras.Model(rows, back)
    net.compile(keras.optimizers.Adam(1e-3), "mse")
    net.fit(X, X, batch_size=batch_size, epochs=epochs, verbose=0)


def seconds(function, *args):
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


def ratios(contestants, args, runs):
    """Seconds of the first contestant, and its time over that of each of the others."""
    for contestant in contestants:  # whatever is loaded or compiled lazily
        contestant(*args)
    times = [[seconds(contestant, *args) for contestant in contestants] for _ in range(runs)]
    median = statistics.median(t[0] for t in times)
    others = range(1, len(contestants))
    return median, [statistics.median(t[0] / t[i] for t in times) for i in others]


def transform_ratio(runs):
    X = np.random.default_rng(0).normal(size=(100_000, 784)).astype(np.float32)
    ours = AutoencoderTransformer(N_COMPONENTS, max_epochs=1, device="cpu").fit(X[:1000])
    encode = ours.net_.module_.encode

    @torch.inference_mode()
    def products():
        encode(torch.from_numpy(X))

    return ratios([lambda: ours.transform(X), products], (), runs)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", module="keras")
    peers = [fit_loop, fit_skorch, *([fit_keras] if keras else [])]
    if keras is None:
        print("keras is not installed: its column is left out")
    print(f"{'fit':28s} {'seconds':>8s}", *(f"/ {p.__name__[4:]:>6s}" for p in peers))
    for n, n_features, batch_size, epochs in CASES:
        X = np.random.default_rng(0).normal(size=(n, n_features)).astype(np.float32)
        median, found = ratios([fit_ours, *peers], (X, batch_size, epochs), runs)
        name = f"{n} x {n_features}, batch {batch_size}"
        print(f"{name:28s} {median:8.3f}", *(f"{ratio:8.2f}" for ratio in found), flush=True)
    median, (ratio,) = transform_ratio(runs)
    print(f"transform 100000 x 784: {median:.2f} s, {ratio:.2f} of the bare matrix products")


if __name__ == "__main__":
    main()
