"""Compare with per-image differentiable clustering, implemented from the paper.

    python benchmarks/differentiable_clustering.py [--size 192] [--images 3] [--iterations 100]
    python benchmarks/differentiable_clustering.py --files a.png b.png --truth a_t.png b_t.png

W. Kim, A. Kanezaki, M. Tanaka, "Unsupervised learning of image segmentation based on
differentiable feature clustering", IEEE Transactions on Image Processing 29, 2020: a network
labels the pixels of one image by its largest response, and learns to agree with its own labels
while neighbors' responses draw together, until no more than the wanted number of labels is
left. Prints a table: matched mean IoU and seconds of both, an image a row, in one process.
"""

import argparse
import time

import imageio.v3 as iio
import numpy as np
import torch
from torch import nn

from sklearn_segae import AESegmenter
from sklearn_segae.datasets import make_mosaic, make_shapes
from sklearn_segae.metrics import mean_iou

WIDTH = 100  # channels, and the largest number of labels, as in the paper
CONTINUITY = 1.0


def network(n_channels):
    def block(n_in, size):
        convolution = nn.Conv2d(n_in, WIDTH, size, padding=size // 2)
        return [convolution, nn.BatchNorm2d(WIDTH)]

    first, second = block(n_channels, 3), block(WIDTH, 3)
    first.insert(1, nn.ReLU())
    second.insert(1, nn.ReLU())
    return nn.Sequential(*first, *second, *block(WIDTH, 1))


def differentiable_clustering(image, n_segments, iterations, seed=0):
    torch.manual_seed(seed)
    pixels = np.atleast_3d(image).astype(np.float32)
    x = torch.from_numpy(pixels / max(pixels.max(), 1e-9)).permute(2, 0, 1)[None]
    net = network(x.shape[1])
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for _ in range(iterations):
        optimizer.zero_grad()
        response = net(x)
        labels = response.argmax(1)
        if len(labels.unique()) <= n_segments:
            break
        loss = nn.functional.cross_entropy(response, labels)
        for axis in (2, 3):
            loss = loss + CONTINUITY * response.diff(dim=axis).abs().mean()
        loss.backward()
        optimizer.step()
    return labels[0].numpy()


def synthetic(n_images, size):
    """Textures and shapes, with their truth, one image each in turn."""
    for seed in range(n_images):
        yield f"mosaic {seed}", *make_mosaic(1, n_segments=4, size=size, random_state=seed)
        yield f"shapes {seed}", *make_shapes(1, size=size, random_state=seed)


def from_files(paths, truths):
    for path, truth in zip(paths, truths, strict=True):
        yield path, iio.imread(path)[None], iio.imread(truth)[None].astype(int)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--images", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--files", nargs="+")
    parser.add_argument("--truth", nargs="+")
    args = parser.parse_args()
    given = args.files
    items = from_files(given, args.truth) if given else synthetic(args.images, args.size)
    print(f"{'image':24s} {'AESegmenter':>20s} {'differentiable':>20s} {'times':>7s}")
    rows = []
    for name, images, truth in items:
        k = len(np.unique(truth))
        methods = (
            lambda i=images, k=k: AESegmenter(k, random_state=0).fit_predict(i),
            lambda i=images, k=k: differentiable_clustering(i[0], k, args.iterations)[None],
        )
        row = []
        for method in methods:
            start = time.perf_counter()
            labels = method()
            row += [mean_iou(truth, labels), time.perf_counter() - start]
        rows.append(row)
        print_row(name[-24:], row)
    print_row("mean", np.mean(rows, 0))


def print_row(name, row):
    ours, fast, theirs, slow = row
    print(
        f"{name:24s} {ours:10.3f} {fast:7.1f} s {theirs:10.3f} {slow:7.1f} s {slow / fast:6.0f}x",
        flush=True,
    )


if __name__ == "__main__":
    main()
