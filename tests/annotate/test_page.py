"""The page as a person has it: strokes with a mouse, in a browser, if there is one."""

import shutil
import signal
import subprocess
import sys
from base64 import b64decode
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import numpy as np
import pytest
from imageio.v3 import imread

from sklearn_segae import PixelEncoder
from sklearn_segae.annotate._server import AnnotationServer
from sklearn_segae.annotate._session import AnnotationSession
from sklearn_segae.datasets import make_mosaic
from sklearn_segae.storage._files import read_image, write_image

playwright = pytest.importorskip("playwright.sync_api")
playwright.expect.set_options(timeout=30_000)  # in milliseconds: machines may be busy

SEGAE = shutil.which("segae", path=str(Path(sys.executable).parent))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SIZE = 96
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def server():
    """A server of two images, encoding in the background."""
    images, _ = make_mosaic(2, n_segments=2, size=SIZE, random_state=0)
    encoder = PixelEncoder(4, features="multiscale", n_filters=4, batch_size=1, max_epochs=0)
    session = AnnotationSession(list(images), encoder=encoder)
    with AnnotationServer(session, ["one.png", "two.png"]) as server:
        encoding = server.encode()
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
        encoding.join()


@pytest.fixture
def page(browser, server):
    """The page, opened; errors of its scripts are errors of the test."""
    context = browser.new_context(viewport={"width": 1100, "height": 700})
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: m.type == "error" and errors.append(m.text))
    page.goto(server.url)
    playwright.expect(page.locator("#message")).to_have_text(
        "Draw strokes of two classes at least", timeout=60_000
    )
    yield page
    context.close()
    assert errors == []


def stroke(page, start, end):
    """Drag the mouse from one place of the board to another, in shares of its size."""
    box = page.locator("#board").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=5)
    page.mouse.up()


def draw_two(page):
    """Draw a stroke of either class, and wait for the segmentation."""
    page.keyboard.press("1")
    stroke(page, (0.4, 0.2), (0.6, 0.2))
    page.keyboard.press("2")
    stroke(page, (0.4, 0.8), (0.6, 0.8))
    settle(page)


def settle(page):
    playwright.expect(page.locator("#message")).to_contain_text("Updated in", timeout=60_000)


def pixels(page):
    """Return what is on the board, after the next frame."""
    page.mouse.move(5, 5)  # so that no brush hovers over it
    script = """() => new Promise((tell) => {
        const look = () => tell(document.getElementById("board").toDataURL());
        requestAnimationFrame(() => requestAnimationFrame(look));
    })"""
    png = b64decode(page.evaluate(script).partition(",")[2])
    return imread(png, extension=".png").astype(int)


@needs_browser
def test_strokes_bring_a_segmentation(page, server):
    """Two strokes with the mouse: the server has them, and colors come over the image."""
    before = pixels(page)
    draw_two(page)
    assert set(np.unique(server.session.strokes[0])) == {0, 1, 2}
    page.keyboard.press("s")  # without the strokes, what differs is the segmentation
    assert (pixels(page) != before).mean() > 0.2


@needs_browser
def test_uncertainty_and_opacity_change_the_picture(page):
    """A key shows the uncertainty, with a scale; at opacity 0 the image is bare."""
    bare = pixels(page)
    draw_two(page)
    page.keyboard.press("s")
    labels = pixels(page)
    page.keyboard.press("u")
    assert page.locator("#scale").is_visible()
    assert (pixels(page) != labels).mean() > 0.1
    page.locator("#opacity").fill("0")
    np.testing.assert_array_equal(pixels(page), bare)


@needs_browser
def test_undo_redo_and_eraser_reach_the_server(page, server):
    """What is on the server is what is on the page."""
    strokes = server.session.strokes[0]
    draw_two(page)
    page.keyboard.press("Control+z")
    playwright.expect(page.locator("#message")).to_contain_text("two classes")
    assert set(np.unique(strokes)) == {0, 1}
    page.keyboard.press("Control+Shift+Z")
    settle(page)
    assert set(np.unique(strokes)) == {0, 1, 2}
    page.keyboard.press("e")
    page.locator("#size").fill("80")
    stroke(page, (0.3, 0.8), (0.7, 0.8))
    playwright.expect(page.locator("#message")).to_contain_text("two classes")
    assert set(np.unique(strokes)) == {0, 1}


@needs_browser
def test_downloads_are_what_is_shown(page, server, tmp_path):
    """The label map as a file, once there is one."""
    assert page.locator("#labels-png").get_attribute("aria-disabled") == "true"
    draw_two(page)
    with page.expect_download() as download:
        page.locator("#labels-png").click()
    assert download.value.suggested_filename == "one-labels.png"
    download.value.save_as(tmp_path / "labels.png")
    labels = server.session.prediction(0).labels
    np.testing.assert_array_equal(read_image(tmp_path / "labels.png"), labels)


@needs_browser
def test_the_other_image_is_segmented_alike(page, server):
    """One model for all images; strokes are still there when one comes back, or reloads."""
    draw_two(page)
    page.keyboard.press("n")
    playwright.expect(page.locator("#next")).to_be_disabled()
    settle(page)
    assert not server.session.strokes[1].any()
    page.reload()
    settle(page)
    assert page.locator("#images").input_value() == "0"


@needs_browser
def test_a_suggested_region_is_opened_and_marked(page, server):
    """The button zooms to a region, the key to the next one; a stroke in the middle is inside."""
    draw_two(page)
    strokes, message = server.session.strokes, page.locator("#message")
    first, second = server.session.suggestion(), server.session.suggestion(1)
    page.locator("#suggest").click()
    playwright.expect(message).to_contain_text("class in the box")
    assert page.locator("#images").input_value() == str(first.image)
    whole = pixels(page)
    page.keyboard.press("l")
    playwright.expect(message).to_contain_text("class in the box")
    playwright.expect(page.locator("#images")).to_have_value(str(second.image))
    assert (pixels(page) != whole).any()
    stroke(page, (0.5, 0.5), (0.5, 0.5))
    settle(page)
    assert strokes[second.image][second.rows, second.columns].any()
    assert server.session.suggestion()[:3] != second[:3]


@needs_browser
def test_classes_are_named_and_added(page, server):
    """Names reach the server; a new class is chosen, and draws."""
    page.get_by_label("Name of class 1").fill("<b>sea</b>")
    page.get_by_role("button", name="Add a class").click()
    playwright.expect(page.get_by_label("Name of class 3")).to_have_value("class 3")
    playwright.expect(page.get_by_label("Draw class 3")).to_be_checked()
    assert server.session.names == ["<b>sea</b>", "class 2", "class 3"]
    stroke(page, (0.5, 0.5), (0.55, 0.5))
    playwright.expect(page.locator("#message")).to_contain_text("two classes")
    assert server.session.strokes[0].max() == 3


@needs_browser
def test_zooming_keeps_strokes_under_the_pointer(page, server):
    """A stroke lands where it is drawn, however near the image is."""
    box = page.locator("#board").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.wheel(0, -600)
    page.locator("#size").fill("1")
    stroke(page, (0.5, 0.5), (0.5, 0.5))
    playwright.expect(page.locator("#undo")).to_be_enabled()
    playwright.expect(page.locator("#message")).to_contain_text("two")
    rows, columns = np.nonzero(server.session.strokes[0])
    assert abs(rows - SIZE / 2).max() <= 1
    assert abs(columns - SIZE / 2).max() <= 1


@needs_browser
def test_everything_has_a_name_and_fits_a_phone(page):
    """Nothing is wider than a phone; controls have names for those who do not see them."""
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    nameless = """[...document.querySelectorAll("button, input, select, a, canvas")].filter((e) =>
        !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.[0]?.textContent.trim())
    ).map((e) => e.outerHTML)"""
    assert page.evaluate(nameless) == []


def heed_interrupts():
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_the_command_serves_until_it_is_ended(tmp_path):
    """It prints one address that answers, and ends quietly by Ctrl-C, in the midst of training."""
    write_image(tmp_path / "gray.png", np.arange(512 * 512, dtype=np.uint8).reshape(512, 512))
    command = [SEGAE, "annotate", tmp_path / "gray.png", "--no-browser", "--classes", "sea,land"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # Shells let what they start in the background ignore Ctrl-C, which children inherit.
    with subprocess.Popen(command, **pipes, preexec_fn=heed_interrupts) as run:
        url = urlsplit(run.stdout.readline().decode().strip())
        connection = HTTPConnection(url.netloc, timeout=60)
        connection.request("GET", f"{url.path}state")
        state = connection.getresponse().read()
        connection.close()
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=120)
    assert b'"classes": ["sea", "land"]' in state
    assert (run.returncode, errors) == (0, b"")


def test_the_command_refuses_what_does_not_fit(segae, tmp_path):
    """Strokes of another size are one line of error."""
    write_image(tmp_path / "image.png", np.zeros((64, 64), np.uint8))
    write_image(tmp_path / "strokes.png", np.zeros((9, 9), np.uint8))
    strokes = ("--labels", tmp_path / "strokes.png")
    code, _, err = segae("annotate", tmp_path / "image.png", *strokes)
    assert code == 1
    assert err.startswith("segae: y[0] has shape (9, 9)")
