"""Measure the memory of one process over many fits, which should not grow.

    python benchmarks/memory.py [--fits 200]

Fits autoencoders of every variant, in turn, on rows and on images, and prints the resident memory
of the process after every tenth of the fits, in MiB. The first fits load what torch loads lazily.
"""

import argparse
import gc
from pathlib import Path

import numpy as np

from sklearn_segae import AutoencoderTransformer
from sklearn_segae.autoencoder._variants import VARIANTS_OF_ROWS

PAGE = 4096  # bytes


def resident():
    """Resident memory of this process in MiB (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fits", type=int, default=200)
    n_fits = parser.parse_args().fits
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(5000, 784)).astype(np.float32)
    images = rows[:1000].reshape(-1, 28, 28)
    variants = list(VARIANTS_OF_ROWS)
    print(f"{'fits':>5s} {'MiB':>7s}")
    for i in range(n_fits):
        X = images if i % 7 == 0 else rows  # each variant on both, in turn
        ae = AutoencoderTransformer(
            8, variant=variants[i % len(variants)], hidden_layer_sizes=(64,), max_epochs=1
        )
        ae.fit(X).transform(X)
        if (i + 1) % max(1, n_fits // 10) == 0:
            gc.collect()
            print(f"{i + 1:5d} {resident():7.1f}", flush=True)


if __name__ == "__main__":
    main()
