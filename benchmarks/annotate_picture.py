"""Draw strokes on a section of tissue, and take the picture of docs/annotate.md in Chromium.

OMP_NUM_THREADS=1 python benchmarks/annotate_picture.py docs/images/annotate.png
"""

import argparse
import shutil
import tempfile
from pathlib import Path
from threading import Thread

import imageio.v3 as iio
import numpy as np
from PIL import Image
from scipy import ndimage

from sklearn_segae.annotate._server import AnnotationServer
from sklearn_segae.annotate._start import open_project
from sklearn_segae.datasets import load_tissue

PARTS = {"section-1": np.s_[172:], "section-2": np.s_[:340], "section-3": np.s_[86:426]}


def start(folder, names):
    """Return an annotation of three parts of a section, the first with the strokes of the data."""
    tissue = load_tissue()
    paths = [folder / f"{name}.png" for name in PARTS]
    for path, part in zip(paths, PARTS.values(), strict=True):
        iio.imwrite(path, tissue.images[0][part])
    project, _ = open_project(paths, folder / "drawn", names=names)
    strokes = (tissue.strokes[0][PARTS["section-1"]] + 1).astype(np.uint8)
    separate, n_strokes = ndimage.label(strokes, np.ones((3, 3)))
    for i in range(1, n_strokes + 1):
        drawn = np.where(separate <= i, strokes, 0)
        project.paint(project.version, 0, 0, 0, drawn)
    return project


def take(project, path, width, height, scheme):
    from playwright.sync_api import expect, sync_playwright

    with AnnotationServer(project) as server, sync_playwright() as tools:
        server.encode().join()
        thread = Thread(target=server.serve_forever)
        thread.start()
        flags = ["--no-sandbox", "--disable-gpu"]
        browser = tools.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        size = {"width": width, "height": height}
        page = browser.new_page(viewport=size, color_scheme=scheme)
        page.goto(server.url)
        expect(page.locator("#message")).to_contain_text("Updated in", timeout=60_000)
        page.wait_for_timeout(300)  # for the thumbnails
        page.screenshot(path=path)
        picture = Image.open(path).convert("RGB")  # a palette takes a quarter of the bytes
        method = {"method": Image.Quantize.FASTOCTREE, "dither": Image.Dither.NONE}
        picture.quantize(256, **method).save(path, optimize=True)
        browser.close()
        server.shutdown()
        thread.join()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--width", type=int, default=1366)
    parser.add_argument("--height", type=int, default=768)
    parser.add_argument("--scheme", choices=["light", "dark"], default="light")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = start(Path(folder), load_tissue().target_names)
        take(project, arguments.path, arguments.width, arguments.height, arguments.scheme)
