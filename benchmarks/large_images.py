"""Measure time and memory for images larger than memory, which should not depend on their size.

    python benchmarks/large_images.py [--sides 1000 4000] [--max-memory 512MiB] [--suffix zarr]

For every side, in a process of its own: writes an image of so many pixels squared (three bands of
bytes: soft blobs of three colors, and noise) to the disk in tiles, fits to a sample of it, and
predicts it from disk to disk. Prints seconds per megapixel, and how much the resident memory of the
process rose above what it was after the imports: at most, in `fit` and in `predict`. Then the share
of pixels of a corner that get the same label when the corner alone is in memory.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.storage import create_labels, open_image

TILE = 1000
CORNER = 1024
COLORS = np.array([[60, 60, 90], [120, 80, 60], [90, 140, 90]], np.float32)


def resident(what):
    """Resident memory of this process in MiB (Linux): VmRSS now, or VmHWM at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def forget_peak():
    """Let VmHWM begin anew."""
    Path("/proc/self/clear_refs").write_text("5")


def tile_of(top, left, side):
    """Return a tile of the endless synthetic image, from (top, left) on."""
    y, x = np.arange(top, top + side)[:, None], np.arange(left, left + side)
    wave = np.sin(y / 37) + np.sin(x / 53) + np.sin((x + 2 * y) / 91)
    labels = np.digitize(wave, [-0.6, 0.6])
    noise = np.random.default_rng([top, left]).normal(0, 12, (side, side, 3))
    return np.clip(COLORS[labels] + noise, 0, 255).astype(np.uint8)


def write_image(path, side):
    """Write the image tile by tile."""
    import zarr

    shape, chunks = (side, side, 3), (TILE, TILE, 3)
    image = zarr.create_array(path, shape=shape, chunks=chunks, dtype="uint8", overwrite=True)
    for top in range(0, side, TILE):
        for left in range(0, side, TILE):
            image[top : top + TILE, left : left + TILE] = tile_of(top, left, TILE)


def measure(side, max_memory, features, suffix, folder):
    """Fit and predict one image; print a line."""
    torch.set_num_threads(1)
    start = resident("VmRSS")
    image = open_image(folder / f"{side}.zarr")
    labels = create_labels(folder / f"{side}-labels.{suffix}", image.shape[:2], "uint8")
    encoder = PixelEncoder(features=features, max_epochs=2)
    options = {"max_memory": max_memory, "normalize": "dataset", "random_state": 0}
    segmenter = AESegmenter(3, encoder=encoder, **options)
    t_fit = time.perf_counter()
    segmenter.fit([image])
    t_fit, peak_fit = time.perf_counter() - t_fit, resident("VmHWM")
    forget_peak()
    began, cpu = time.perf_counter(), time.process_time()
    segmenter.predict([image], out=[labels])
    cpu = time.process_time() - cpu
    seconds, peak = time.perf_counter() - began, resident("VmHWM")
    megapixels = side**2 / 1e6
    found = open_image(folder / f"{side}-labels.{suffix}")
    # Away from the edges of the crop, beyond which it knows nothing.
    near = segmenter.predict(image[:CORNER, :CORNER][None])[0, : CORNER - 200, : CORNER - 200]
    same = np.mean(near == found[:CORNER, :CORNER][: near.shape[0], : near.shape[1]])
    print(
        f"{side:6d} {megapixels:7.1f} {t_fit:7.1f} {seconds / megapixels:9.3f} "
        f"{cpu / megapixels:9.3f} {peak_fit - start:9.0f} {peak - start:9.0f} {same:9.6f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=[1000, 2000, 4000])
    parser.add_argument("--max-memory", default="512MiB")
    parser.add_argument("--features", default="intensity")
    parser.add_argument("--suffix", default="zarr", help="of the label map: zarr, tif or npy")
    parser.add_argument("--folder", type=Path, help="where images are kept; else a temporary one")
    parser.add_argument("--measure", action="store_true", help="one image that is there already")
    arguments = parser.parse_args()
    if arguments.measure:
        options = arguments.max_memory, arguments.features, arguments.suffix, arguments.folder
        measure(*arguments.sides, *options)
        return
    print("  side      MP   fit/s      s/MP  CPU s/MP   fit MiB  predict MiB  same corner")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        for side in arguments.sides:
            if not (folder / f"{side}.zarr").exists():
                write_image(folder / f"{side}.zarr", side)
            command = [sys.executable, __file__, "--measure", "--sides", str(side)]
            command += ["--folder", str(folder), "--max-memory", arguments.max_memory]
            command += ["--features", arguments.features, "--suffix", arguments.suffix]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
