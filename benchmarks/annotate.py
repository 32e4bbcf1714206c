"""Measure the seconds from the end of a stroke to the updated picture, at one megapixel.

OMP_NUM_THREADS=1 python benchmarks/annotate.py --channels 1 3
"""

import argparse
import time
from http.client import HTTPConnection
from threading import Thread

import numpy as np

from sklearn_segae.annotate._server import AnnotationServer
from sklearn_segae.annotate._session import AnnotationSession
from sklearn_segae.datasets import make_mosaic


def measure(n_channels, size, n_strokes, classifier):
    images, truth = make_mosaic(1, n_segments=5, size=size, n_channels=n_channels, random_state=0)
    names = [f"class {i}" for i in range(1, 6)]
    session = AnnotationSession(list(images), names=names, classifier=classifier)
    rng = np.random.default_rng(0)
    with AnnotationServer(session, ["mosaic.png"]) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        start = time.perf_counter()
        server.encode().join()
        first = time.perf_counter() - start
        connection = HTTPConnection("127.0.0.1", server.server_port)
        times = [stroke(connection, server, truth[0], rng, i) for i in range(n_strokes)]
        connection.close()
        server.shutdown()
        thread.join()
    right = (session.prediction(0).labels == truth[0] + 1).mean()
    coarse, full = np.median(times[5:], axis=0)  # by then every class has a stroke
    worst = np.max(times[5:], axis=0)
    print(
        f"{classifier:>6}, {n_channels} channels: encoded in {first:.1f} s; stroke to every third "
        f"pixel {coarse:.2f} s (worst {worst[0]:.2f}), to all {full:.2f} s (worst {worst[1]:.2f}); "
        f"{right:.3f} right after {n_strokes} strokes",
        flush=True,
    )


def stroke(connection, server, truth, rng, i):
    """Draw a stroke of 12 by 80 pixels of one class, and wait for both pictures."""
    y, x = (int(v) for v in rng.choice(np.argwhere(truth[:-12, :-80] == i % 5)))
    patch = np.where(truth[y : y + 12, x : x + 80] == i % 5, i % 5 + 1, 0).astype(np.uint8)
    start, times = time.perf_counter(), []
    place = f"image=0&top={y}&left={x}&height=12&width=80"
    connection.request("POST", f"/{server.token}/strokes?{place}", patch.tobytes())
    connection.getresponse().read()
    for step in (3, 1):
        query = f"image=0&step={step}&version={server.session.version}"
        connection.request("GET", f"/{server.token}/view?{query}")
        connection.getresponse().read()
        times.append(time.perf_counter() - start)
    return times


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--strokes", type=int, default=15)
    parser.add_argument("--estimators", nargs="+", default=["trees", "head"])
    arguments = parser.parse_args()
    for classifier in arguments.estimators:
        for n_channels in arguments.channels:
            measure(n_channels, arguments.size, arguments.strokes, classifier)
