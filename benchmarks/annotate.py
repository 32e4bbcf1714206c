"""Measure the seconds from the end of a stroke to the updated picture, at one megapixel.

OMP_NUM_THREADS=1 python benchmarks/annotate.py --channels 1 3
OMP_NUM_THREADS=1 python benchmarks/annotate.py --browser --estimators trees
"""

import argparse
import re
import shutil
import tempfile
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

import numpy as np

from sklearn_segae.annotate._server import AnnotationServer
from sklearn_segae.annotate._start import open_project
from sklearn_segae.datasets import make_mosaic


@contextmanager
def serve(n_channels, size, classifier):
    """Serve a mosaic of five textures: (server, true labels, seconds of the encoding)."""
    images, truth = make_mosaic(1, n_segments=5, size=size, n_channels=n_channels, random_state=0)
    names = [f"class {i}" for i in range(1, 6)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mosaic.npy"
        np.save(path, images[0] if n_channels > 1 else images[0, ..., 0])
        options = {"names": names, "classifier": classifier}
        project, _ = open_project([path], Path(folder) / "drawn", **options)
        with AnnotationServer(project) as server:
            thread = Thread(target=server.serve_forever)
            thread.start()
            start = time.perf_counter()
            server.encode().join()
            yield server, truth[0], time.perf_counter() - start
            server.shutdown()
            thread.join()


def measure(n_channels, size, n_strokes, classifier):
    rng = np.random.default_rng(0)
    with serve(n_channels, size, classifier) as (server, truth, first):
        connection = HTTPConnection("127.0.0.1", server.server_port)
        times = [stroke(connection, server, truth, rng, i) for i in range(n_strokes)]
        connection.close()
        right = (server.project.session.prediction(0).labels == truth + 1).mean()
    saved, coarse, full = np.median(times[5:], axis=0)  # by then every class has a stroke
    worst = np.max(times[5:], axis=0)
    print(
        f"{classifier:>6}, {n_channels} channels: encoded in {first:.1f} s; stroke to disk "
        f"{saved:.3f} s, to every third pixel {coarse:.2f} s (worst {worst[1]:.2f}), to all "
        f"{full:.2f} s (worst {worst[2]:.2f}); {right:.3f} right after {n_strokes} strokes",
        flush=True,
    )


def measure_in_browser(n_channels, size, n_strokes, classifier):
    """Draw with the mouse in Chromium. The page shows the seconds since the end of a stroke."""
    from playwright.sync_api import expect, sync_playwright

    rng = np.random.default_rng(0)
    with serve(n_channels, size, classifier) as (server, truth, _), sync_playwright() as tools:
        flags = ["--no-sandbox", "--disable-gpu"]
        browser = tools.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        page.goto(server.url)
        message, times = page.locator("#message"), []
        expect(message).to_contain_text("Draw strokes", timeout=60_000)
        for i in range(n_strokes):
            page.keyboard.press(str(i % 5 + 1))
            page.evaluate("document.getElementById('message').textContent = ''")
            draw(page, truth, rng, i % 5)
            expect(message).to_contain_text(re.compile("in full|two classes"), timeout=60_000)
            times.append([float(t) for t in re.findall(r"[\d.]+(?= s)", message.text_content())])
        browser.close()
    coarse, full = np.median([(t[0], t[-1]) for t in times[5:]], axis=0)
    worst = np.max([t[-1] for t in times[5:]])
    print(
        f"{classifier:>6}, {n_channels} channels, in Chromium: stroke to every third pixel "
        f"{coarse:.1f} s, to all {full:.1f} s (worst {worst:.1f})",
        flush=True,
    )


def draw(page, truth, rng, label):
    """Draw a stroke of 80 pixels of one class with the mouse."""
    box = page.locator("#board").bounding_box()
    side = 0.97 * min(box["width"], box["height"])
    left, top = box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2
    inside = (truth[:, :-80] == label) & (truth[:, 80:] == label)
    y, x = rng.choice(np.argwhere(inside))
    scale = side / len(truth)
    page.mouse.move(left + scale * x, top + scale * y)
    page.mouse.down()
    page.mouse.move(left + scale * (x + 80), top + scale * y, steps=5)
    page.mouse.up()


def stroke(connection, server, truth, rng, i):
    """Draw a stroke of 12 by 80 pixels of one class, and wait for both pictures."""
    y, x = (int(v) for v in rng.choice(np.argwhere(truth[:-12, :-80] == i % 5)))
    patch = np.where(truth[y : y + 12, x : x + 80] == i % 5, i % 5 + 1, 0).astype(np.uint8)
    start, times = time.perf_counter(), []
    place = f"image=0&top={y}&left={x}&height=12&width=80&version={server.project.version}"
    connection.request("POST", f"/{server.token}/strokes?{place}", patch.tobytes())
    connection.getresponse().read()
    times.append(time.perf_counter() - start)
    for step in (3, 1):
        query = f"image=0&step={step}&version={server.project.version}"
        connection.request("GET", f"/{server.token}/view?{query}")
        connection.getresponse().read()
        times.append(time.perf_counter() - start)
    return times


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--strokes", type=int, default=15)
    parser.add_argument("--browser", action="store_true", help="draw in Chromium (playwright)")
    parser.add_argument("--estimators", nargs="+", default=["trees", "head"])
    arguments = parser.parse_args()
    for classifier in arguments.estimators:
        for n_channels in arguments.channels:
            run = measure_in_browser if arguments.browser else measure
            run(n_channels, arguments.size, arguments.strokes, classifier)
