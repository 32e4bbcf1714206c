"""Segment volumes: few labels, no labels, and volumes of many sizes from disk to disk.

    python benchmarks/volumes.py few [--seeds 0 1 2] [--methods voxels filters slices ours]
        [--mni FOLDER] [--noise 1]
    python benchmarks/volumes.py none [--seeds 0 1 2] [--methods k-means best ours]
    python benchmarks/volumes.py scale [--megavoxels 1 4 16 33 64] [--max-memory 512MiB]

"few": in three slices, 1 % of the voxels are labeled by strokes, at least one of every class. The
score is the mean IoU over all voxels of the volume. Volumes are those of `make_volume`, 64 x 96 x
96 voxels, for every seed, and, with --mni or if nilearn is installed, the MNI152 template that its
package holds (T1, every second voxel, outside of the brain is void), whose classes are gray matter,
white matter and the rest by the largest of its tissue maps. All methods use a random forest of 100
trees: on single voxels, on scikit-image's `multiscale_basic_features` of the volume ("filters") or
of its slices ("2-D filters"), on the codes of AESegmenter of slices ("slices") and of volumes
("ours").

"none": the adjusted Rand index of clusters with the true number of segments. Textures of equal mean
and spread, one volume a seed, and ten simple volumes of blobs. "k-means" is on voxels smoothed by
sigma=1, "best" with the best of six sigmas for each volume, which truth selects.

"scale": every size in a process of its own, from zarr to zarr. Prints seconds per megavoxel, how
much memory the process took beside the imports in `fit` and in `predict`, and the share of voxels
of a corner that get the same label when the corner alone is in memory.
"""

import argparse
import gzip
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from few_labels import forest, scribble
from large_images import forget_peak, resident
from scipy import ndimage
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_volume
from sklearn_segae.metrics import mean_iou

SIZE = 64, 96, 96
FRACTION = 0.01  # of the voxels of three slices
SIGMAS = 0, 0.5, 1, 1.5, 2, 3
SIMPLE = [(n, noise) for n in (2, 3, 4) for noise in (0.3, 0.6, 1)] + [(3, 1.5)]
# Slices, rows and columns by millions of voxels.
SCALES = {1: (64, 128, 128), 4: (64, 256, 256), 16: (64, 512, 512), 33: (128, 512, 512)}
SCALES |= {64: (256, 512, 512)}
BLOCK, CORNER = 64, (64, 128, 128)


def read_nifti(path):
    """Return the bytes of a compressed NIfTI-1 file as an array (z, y, x)."""
    with gzip.open(path) as file:
        data = file.read()
    _, x, y, z = np.frombuffer(data, "<i2", 4, 40).tolist()
    code, offset = np.frombuffer(data, "<i2", 1, 70)[0], np.frombuffer(data, "<f4", 1, 108)[0]
    if code != 2:
        raise ValueError(f"{path} has the data type {code}, but 2 (bytes) is needed.")
    return np.frombuffer(data, np.uint8, x * y * z, int(offset)).reshape(z, y, x)


def read_mni(folder):
    """Return the T1 volume (D, H, W) and its label map: 0 rest, 1 gray, 2 white matter, -1 void."""
    path = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
    t1, gray, white = (
        read_nifti(folder / path.format(name))[::2, ::2, ::2] for name in ("t1", "gm", "wm")
    )
    inside = np.ix_(*(np.flatnonzero((t1 > 0).any(axes)) for axes in ((1, 2), (0, 2), (0, 1))))
    tissues = np.stack([255.0 - gray - white, gray, white])
    truth = np.where(t1 > 0, tissues.argmax(0), -1)
    return t1[inside].astype(np.float32), truth[inside]


def mni_folder(given):
    """Return the folder of the template; None if there is none."""
    if given is None and find_spec("nilearn") is not None:
        given = Path(find_spec("nilearn").submodule_search_locations[0]) / "datasets" / "data"
    return given


def strokes_in_slices(truth, seed):
    """Return a label map (D, H, W), -1 outside of the strokes in three slices."""
    labels = np.full(truth.shape, -1)
    depths = [truth.shape[0] * i // 4 for i in (1, 2, 3)]
    rng = np.random.default_rng(seed)
    labels[depths] = scribble([truth[z] for z in depths], -1, FRACTION, rng)
    return labels


def classified(features, strokes, seed):
    """Return the labels that a forest gives features (D, H, W, C)."""
    known = strokes >= 0
    model = forest(seed).fit(features[known], strokes[known])
    return model.predict(features.reshape(-1, features.shape[-1])).reshape(strokes.shape)


def voxels(volume, strokes, seed):
    return classified(volume[..., None], strokes, seed)


def filters(volume, strokes, seed):
    from skimage.feature import multiscale_basic_features

    return classified(multiscale_basic_features(volume), strokes, seed)


def filters_of_slices(volume, strokes, seed):
    from skimage.feature import multiscale_basic_features

    maps = [multiscale_basic_features(own) for own in volume]
    return classified(np.stack(maps), strokes, seed)


def slices(volume, strokes, seed):
    model = AESegmenter(estimator=forest(seed), random_state=0)
    return model.fit(volume[..., None], strokes).predict(volume[..., None])


def ours(volume, strokes, seed):
    model = AESegmenter(estimator=forest(seed), spacing=(1, 1, 1), random_state=0)
    return model.fit(volume[None], strokes[None]).predict(volume[None])[0]


def clustered(volume, sigma, n_segments, seed):
    rows = ndimage.gaussian_filter(volume, sigma).reshape(-1, 1)
    return KMeans(n_segments, n_init=10, random_state=seed).fit_predict(rows).reshape(volume.shape)


def k_means(volume, truth, seed):
    return clustered(volume, 1, truth.max() + 1, seed)


def best_k_means(volume, truth, seed):
    maps = [clustered(volume, sigma, truth.max() + 1, seed) for sigma in SIGMAS]
    return max(maps, key=lambda labels: adjusted_rand_score(truth.ravel(), labels.ravel()))


def cluster_codes(volume, truth, seed):
    model = AESegmenter(int(truth.max()) + 1, spacing=(1, 1, 1), random_state=seed)
    return model.fit_predict(volume[None])[0]


def cluster_slices(volume, truth, seed):
    model = AESegmenter(int(truth.max()) + 1, random_state=seed)
    return model.fit_predict(volume[..., None])


FEW = {
    "voxels": voxels,
    "filters": filters,
    "2-D filters": filters_of_slices,
    "slices": slices,
    "ours": ours,
}
NONE = {
    "k-means": k_means,
    "best": best_k_means,
    "slices": cluster_slices,
    "ours": cluster_codes,
}


def synthetic(kind, seed, **options):
    volumes, labels = make_volume(kind, random_state=seed, **options)
    return volumes[0, ..., 0], labels[0]


def few(arguments):
    """Print the mean IoU of every method for every kind of volume."""
    kinds = {
        kind: [synthetic(kind, seed, size=SIZE, noise=noise) for seed in arguments.seeds]
        for kind, noise in (("blobs", arguments.noise), ("membranes", arguments.noise))
    }
    kinds["textures"] = [synthetic("textures", seed, size=SIZE) for seed in arguments.seeds]
    folder = mni_folder(arguments.mni)
    if folder is not None:
        kinds["MNI152"] = [read_mni(folder)] * len(arguments.seeds)

    def score(method, volume, truth, seed):
        found = method(volume, strokes_in_slices(truth, seed), seed)
        return mean_iou([truth], [found], matched=False)

    compare(FEW, arguments, kinds, score)


def none(arguments):
    """Print the adjusted Rand index of every method."""
    kinds = {
        "textures": [synthetic("textures", seed, size=SIZE) for seed in arguments.seeds],
        "simple": [
            synthetic("blobs", i, size=48, n_segments=n, noise=noise)
            for i, (n, noise) in enumerate(SIMPLE)
        ],
    }

    def score(method, volume, truth, seed):
        return adjusted_rand_score(truth.ravel(), method(volume, truth, seed).ravel())

    compare(NONE, arguments, kinds, score)


def compare(methods, arguments, kinds, score):
    """Print a line for every kind of volume and method: the mean, all scores, and seconds."""
    for kind, tasks in kinds.items():
        for name in arguments.methods or methods:
            start = time.perf_counter()
            found = [score(methods[name], *task, seed) for seed, task in enumerate(tasks)]
            seconds = (time.perf_counter() - start) / len(tasks)
            each = " ".join(f"{own:.3f}" for own in found)
            print(f"{kind:10} {name:12} {np.mean(found):.3f}  {seconds:6.1f} s  {each}", flush=True)


def write_volume(path, shape):
    """Write copies of one synthetic block, each with noise of its own."""
    import zarr

    chunks = (BLOCK,) * 3
    volume = zarr.create_array(path, shape=shape, chunks=chunks, dtype="uint8", overwrite=True)
    block, _ = synthetic("blobs", 0, size=BLOCK, noise=0)
    for i, start in enumerate(np.ndindex(*(size // BLOCK for size in shape))):
        noisy = 60 + 100 * block + np.random.default_rng(i).normal(0, 20, block.shape)
        place = tuple(slice(s * BLOCK, (s + 1) * BLOCK) for s in start)
        volume[place] = np.clip(noisy, 0, 255).astype(np.uint8)


def measure(shape, max_memory, folder):
    """Fit to one volume and predict it; print a line."""
    import zarr

    torch.set_num_threads(1)
    start = resident("VmRSS")
    volume = zarr.open_array(folder / "volume.zarr", mode="r")
    options = {"shape": shape, "chunks": (BLOCK,) * 3, "dtype": "uint8"}
    labels = zarr.create_array(folder / "labels.zarr", overwrite=True, **options)
    segmenter = AESegmenter(
        3,
        encoder=PixelEncoder(spacing=(1, 1, 1), max_epochs=2),
        spacing=(1, 1, 1),
        normalize="dataset",
        max_memory=max_memory,
        random_state=0,
    )
    began = time.perf_counter()
    segmenter.fit([volume])
    t_fit, peak_fit = time.perf_counter() - began, resident("VmHWM")
    forget_peak()
    began = time.perf_counter()
    segmenter.predict([volume], out=[labels])
    seconds, peak = time.perf_counter() - began, resident("VmHWM")
    megavoxels = np.prod(shape) / 1e6
    # Away from the faces of the crop, beyond which it knows nothing.
    corner, inner = (tuple(slice(0, s - margin) for s in CORNER) for margin in (0, 40))
    same = np.mean(segmenter.predict(volume[corner][None])[0][inner] == labels[inner])
    print(
        f"{megavoxels:7.1f} {t_fit:7.1f} {seconds / megavoxels:8.2f} {peak_fit - start:9.0f} "
        f"{peak - start:12.0f} {same:12.6f}",
        flush=True,
    )


def scale(arguments):
    """Measure volumes of several sizes, each in a process of its own."""
    if arguments.folder:
        (size,) = arguments.megavoxels
        measure(SCALES[size], arguments.max_memory, arguments.folder)
        return
    print("     MV   fit/s     s/MV   fit MiB  predict MiB  same corner")
    for size in arguments.megavoxels:
        with tempfile.TemporaryDirectory() as folder:
            write_volume(Path(folder) / "volume.zarr", SCALES[size])
            command = [sys.executable, __file__, "scale", "--megavoxels", str(size)]
            command += ["--max-memory", arguments.max_memory, "--folder", folder]
            subprocess.run(command, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    for function, methods in ((few, FEW), (none, NONE)):
        command = commands.add_parser(function.__name__)
        command.set_defaults(run=function)
        command.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
        command.add_argument("--methods", nargs="+", choices=methods)
    few_parser = commands.choices["few"]
    few_parser.add_argument("--mni", type=Path, help="folder with the files of the template")
    few_parser.add_argument("--noise", type=float, default=1, help="of blobs and membranes")
    command = commands.add_parser("scale")
    command.set_defaults(run=scale)
    command.add_argument("--megavoxels", type=int, nargs="+", choices=SCALES, default=[*SCALES])
    command.add_argument("--max-memory", default="512MiB")
    command.add_argument("--folder", type=Path, help="of a volume that is there already")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
