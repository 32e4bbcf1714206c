"""Measure the speedup of two dask workers over one.

    python benchmarks/dask_workers.py [--side 3000] [--workers 1 2]

Fits on a corner of a synthetic image (three bands of bytes in chunks of 512 x 512), then predicts
all of it with `dask.distributed`, worker processes of one thread each on this machine. Prints wall
seconds without the start of the workers, megapixels a second, bytes of the model, and whether the
label maps are the same. The rows "plain" show what the machine can reach: as many independent
processes, each with the same number of chunks, without dask. Run it on an idle machine.
"""

import argparse
import multiprocessing
import pickle
import time

import dask.array as da
import numpy as np
import torch
from distributed import Client, LocalCluster
from threadpoolctl import threadpool_limits

from sklearn_segae import AESegmenter, PixelEncoder

COLORS = np.array([[60, 60, 90], [120, 80, 60], [90, 140, 90]], np.float32)


def make_chunk(block_info=None):
    """Return the chunk of the synthetic image that belongs at its place."""
    (_, _), (top, bottom), (left, right), _ = block_info[None]["array-location"]
    y, x = np.arange(top, bottom)[:, None], np.arange(left, right)
    labels = np.digitize(np.sin(y / 37) + np.sin(x / 53) + np.sin((x + 2 * y) / 91), [-0.6, 0.6])
    noise = np.random.default_rng([top, left]).normal(0, 12, (*labels.shape, 3))
    return np.clip(COLORS[labels] + noise, 0, 255).astype(np.uint8)[None]


def plain(segmenter, chunk, n_chunks, n_processes):
    """Return the seconds of processes that predict one chunk over and over."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(n_processes + 1)
    share = [n_chunks // n_processes] * n_processes
    processes = [context.Process(target=repeat, args=(ready, segmenter, chunk, n)) for n in share]
    for process in processes:
        process.start()
    ready.wait()
    start = time.perf_counter()
    for process in processes:
        process.join()
    return time.perf_counter() - start


def repeat(ready, segmenter, chunk, n):
    torch.set_num_threads(1)
    with threadpool_limits(1):  # as dask's workers have it
        segmenter.predict(chunk)  # imports, and all that is done once
        ready.wait()
        for _ in range(n):
            segmenter.predict(chunk)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=3000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    side = arguments.side
    sizes = tuple(min(512, side - start) for start in range(0, side, 512))
    image = da.map_blocks(make_chunk, chunks=((1,), sizes, sizes, (3,)), dtype=np.uint8)
    corner = image[:, :1000, :1000].compute(scheduler="sync")
    encoder = PixelEncoder(features="intensity", max_epochs=2)
    segmenter = AESegmenter(3, encoder=encoder, normalize="dataset", random_state=0).fit(corner)
    n_bytes = len(pickle.dumps(segmenter.labeler_))  # what travels
    print(f"{side**2 / 1e6:.1f} megapixels, model of {n_bytes / 1e3:.0f} kB")
    print("workers  seconds    MP/s  same labels")
    chunk = corner[:, :512, :512]
    n_chunks = len(sizes) ** 2 // 2 * 2  # both halves alike
    for n_processes in (1, 2):
        seconds = plain(segmenter, chunk, n_chunks, n_processes)
        print(
            f"plain {n_processes} {seconds:8.1f} {n_chunks * 0.512**2 / seconds:7.2f}", flush=True
        )
    first = None
    for n_workers in arguments.workers:
        cluster = LocalCluster(n_workers=n_workers, threads_per_worker=1, dashboard_address=None)
        with cluster, Client(cluster) as client:
            client.wait_for_workers(n_workers)
            client.run(lambda: __import__("torch").set_num_threads(1))
            client.run(segmenter.predict, corner[:, :64, :64])  # imports, everywhere
            start = time.perf_counter()
            labels = segmenter.predict(image).compute()
            seconds = time.perf_counter() - start
        first = labels if first is None else first
        same = np.array_equal(labels, first)
        print(f"{n_workers:7d} {seconds:8.1f} {side**2 / 1e6 / seconds:7.2f}  {same}", flush=True)


if __name__ == "__main__":
    main()
