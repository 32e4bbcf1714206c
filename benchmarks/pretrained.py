"""Compare ways to compress pretrained features, by the accuracy and time of a forest on few labels.

    python benchmarks/pretrained.py accuracy --data FOLDER [--sets a b] [--draws 3]
    python benchmarks/pretrained.py speed

"accuracy": sets as for few_labels.py. Strokes of 1 % of the pixels are on three random images; the
score is the mean IoU on these and on the others. All 192 features of the strides 2 to 16, their 16
principal components side by side ("joint"), and four codes a stride: principal axes (what
`features="pretrained"` is), the same of standardized features, and two nonlinear autoencoders.
Times are those of fit and predict of the forest, as multiples of that of all features.

"speed": megapixels encoded per second on one thread, the backbone alone beside it, and the memory
beside input and output; for strides of objects, too; and a second time from the cache.
"""

import argparse
import resource
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from few_labels import forest, load, score, scribble
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_segae import AESegmenter, AutoencoderTransformer, PixelEncoder
from sklearn_segae.datasets import make_mosaic
from sklearn_segae.encoding._pooling import TilePooling, upsample

N_CODES, N_TOKENS = 4, 20_000


class Joint:
    """Components of all features side by side."""

    def __init__(self, transformer):
        self.transformer = transformer

    def fit(self, maps, rng):
        rows = np.concatenate([side_by_side(m).reshape(-1, 192) for m in maps])
        self.transformer.fit(rows[rng.permutation(len(rows))[:N_TOKENS]])
        return self

    def transform(self, maps):
        features = side_by_side(maps)
        codes = self.transformer.transform(features.reshape(-1, features.shape[2]))
        return codes.reshape(*features.shape[:2], -1)


class ByStride:
    """Codes of the features at each stride, interpolated."""

    def __init__(self, make):
        self.make = make

    def fit(self, maps, rng):
        self.parts = []
        for own in zip(*maps, strict=True):
            tokens = np.concatenate([flat(m) for m in own])
            some = tokens[rng.permutation(len(tokens))[:N_TOKENS]]
            self.parts.append(self.make().fit(some))
        return self

    def transform(self, maps):
        coded = []
        for m, part in zip(maps, self.parts, strict=True):
            codes = part.transform(flat(m)).T.reshape(1, -1, *m.shape[-2:])
            coded.append(torch.from_numpy(codes))
        return side_by_side(coded)


class Everything(Joint):
    def __init__(self):
        super().__init__(None)

    def fit(self, maps, rng):
        return self

    def transform(self, maps):
        return side_by_side(maps)


def nonlinear(variant):
    return AutoencoderTransformer(N_CODES, variant=variant, max_epochs=10, random_state=0)


METHODS = {
    "all": Everything,
    "joint": lambda: Joint(PCA(4 * N_CODES, random_state=0)),
    "codes": lambda: ByStride(lambda: PCA(N_CODES, random_state=0)),
    "standardized": lambda: ByStride(lambda: make_pipeline(StandardScaler(), PCA(N_CODES))),
    "autoencoder": lambda: ByStride(lambda: nonlinear("plain")),
    "denoising": lambda: ByStride(lambda: nonlinear("denoising")),
}


def flat(maps):
    """(1, F, h, w) -> (h * w, F)."""
    return maps[0].flatten(1).T.numpy()


def side_by_side(maps):
    """Maps (1, F, h, w) at the strides 2 to 16 -> (H, W, sum of F), for all cells."""
    sizes = [range(2 * n) for n in maps[0].shape[-2:]]
    parts = [upsample(m.float(), 2 ** (i + 1), *sizes) for i, m in enumerate(maps)]
    return torch.cat(parts, 1)[0].movedim(0, -1).numpy()


def features_of(segmenter, images):
    """Feature maps of images as the fitted segmenter sees them."""
    encoder = segmenter.encoder_
    block, reader = encoder.codes_.pretrained, encoder._reader(np.float32)
    found = []
    for image in segmenter.batch(images).images:
        pixels = np.asarray(image)
        x = torch.from_numpy(((pixels - reader.scale[0]) / reader.scale[1]).astype(np.float32))
        with torch.inference_mode():
            pooling = TilePooling(*map(range, pixels.shape[:2]))
            found.append(block.features(x.movedim(2, 0)[None], pooling))
    return found


def one_draw(images, labels, void, draw):
    """Scores (2,) on own and other images, and seconds of the forest, by method."""
    rng = np.random.default_rng(draw)
    n = min(3, len(images) - 1)
    order = rng.permutation(len(images))
    own, others = order[:n], order[n:]
    strokes = scribble([labels[i] for i in own], void, 0.01, rng)
    encoder = PixelEncoder(features="pretrained", random_state=0)
    segmenter = AESegmenter(encoder=encoder, estimator="forest", random_state=0)
    segmenter.fit([images[i] for i in own], strokes)
    maps = features_of(segmenter, images)
    found = {}
    for name, make in METHODS.items():
        coder = make().fit([maps[i] for i in own], np.random.default_rng(0))
        pairs = zip(maps, labels, strict=True)
        codes = [coder.transform(m)[: t.shape[0], : t.shape[1]] for m, t in pairs]
        X = np.concatenate([codes[i][s >= 0] for i, s in zip(own, strokes, strict=True)])
        y = np.concatenate([s[s >= 0] for s in strokes])
        start = time.perf_counter()
        model = forest(draw).fit(X, y)
        predicted = [model.predict(c.reshape(-1, c.shape[2])).reshape(c.shape[:2]) for c in codes]
        seconds = time.perf_counter() - start
        pairs = [
            score([labels[i] for i in g], [predicted[i] for i in g], void) for g in (own, others)
        ]
        found[name] = (*pairs, seconds)
    return found


def accuracy(arguments):
    means = {}
    for name in arguments.sets or sorted(path.stem for path in arguments.data.glob("*.npz")):
        tasks, void = load(arguments.data / f"{name}.npz", arguments.limit, arguments.side)
        if len(tasks) > 1:
            continue
        draws = [one_draw(*tasks[0], void, draw) for draw in range(arguments.draws)]
        print(f"{name:20s}", end=" ")
        for method in METHODS:
            values = np.mean([draw[method] for draw in draws], 0)
            means.setdefault(method, []).append(values)
            print(f"| {method} {values[0]:.3f} others {values[1]:.3f}", end=" ")
        print(flush=True)
    seconds = np.mean(means["all"], 0)[2]
    for method, values in means.items():
        own, others, own_seconds = np.mean(values, 0)
        times = f"forest x {own_seconds / seconds:.2f}"
        print(f"mean {method:13s} own {own:.3f} others {others:.3f} {times}")


def speed():
    images, _ = make_mosaic(2, size=256, n_channels=3, random_state=0)
    for strides in ((2, 4, 8, 16), (16, 32)):
        encoder = PixelEncoder(features="pretrained", strides=strides, random_state=0).fit(images)
        network = encoder.codes_.pretrained.backbone
        for side in (1024, 1732):
            image = np.tile(images[0], (-(-side // 256),) * 2 + (1,))[:side, :side].copy()
            out = np.ones((side, side, 16), np.float32)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            every = {
                "codes": seconds_of(lambda: encoder.transform([image], out=[out])),  # noqa: B023
                "backbone": seconds_of(lambda: alone(network, image)),  # noqa: B023
            }
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            with TemporaryDirectory() as cache:
                encoder.set_params(memory=cache)
                encoder.transform([image], out=[out])
                again = seconds_of(lambda: encoder.transform([image], out=[out]))  # noqa: B023
                encoder.set_params(memory=None)
            rates = " ".join(f"{name} {side**2 / 1e6 / s:.2f} MP/s" for name, s in every.items())
            print(
                f"strides {strides} side {side}: {rates}, peak at most {grown:.0f} MiB more, from "
                f"the cache {side**2 / 1e6 / again:.2f} MP/s"
            )


@torch.inference_mode()
def alone(network, image):
    side = image.shape[0] // 32 * 32
    x = torch.from_numpy(image[:side, :side].astype(np.float32)).movedim(2, 0)[None]
    network.maps(x.contiguous(memory_format=torch.channels_last))


def seconds_of(function, n=3):
    times = []
    for _ in range(n):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["accuracy", "speed"])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--limit", type=int, default=6, help="images of a set")
    parser.add_argument("--side", type=int, default=512, help="crop images to so many pixels")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", UserWarning)
    accuracy(arguments) if arguments.what == "accuracy" else speed()


if __name__ == "__main__":
    main()
