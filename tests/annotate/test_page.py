"""The page as a person has it: strokes with a mouse, in a browser, if there is one."""

import json
import shutil
import signal
import subprocess
import sys
from base64 import b64decode
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import numpy as np
import pytest
from imageio.v3 import imread

from sklearn_segae.annotate._classes import default_class
from sklearn_segae.annotate._folder import AnnotationFolder, State
from sklearn_segae.annotate._project import AnnotationProject
from sklearn_segae.annotate._server import AnnotationServer
from sklearn_segae.cli._annotate import end
from sklearn_segae.storage._files import write_image
from sklearn_segae.storage._label_files import read_labels

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


@pytest.fixture(scope="module")
def encoded(start):
    """An annotation of two images that are encoded."""
    project = start(size=SIZE)
    project.session.encode()
    return project


@pytest.fixture
def server(encoded, tmp_path):
    """A server of the two images, without strokes."""
    for i, strokes in enumerate(encoded.session.strokes):
        encoded.session.paint(i, 0, 0, np.zeros_like(strokes))
    folder = AnnotationFolder(tmp_path / "out", encoded.images)
    state = State([default_class(1), default_class(2)])
    with serve(AnnotationProject(encoded.session, encoded.images, folder, state)) as server:
        yield server


@contextmanager
def serve(project):
    with AnnotationServer(project) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def visit(browser):
    """Open the page of a server; errors of its scripts are errors of the test."""
    context = browser.new_context(viewport={"width": 1100, "height": 700})
    errors = []

    def visit(server):
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: m.type == "error" and errors.append(m.text))
        page.goto(server.url)
        return page

    yield visit
    context.close()
    assert errors == []


@pytest.fixture
def page(visit, server):
    """The page, opened."""
    page = visit(server)
    playwright.expect(page.locator("#message")).to_have_text("Draw strokes of two classes at least")
    return page


def places_on(page, *shares):
    """Return places on the board, given in shares of the image, which is square."""
    box = page.locator("#board").bounding_box()
    side = 0.97 * min(box["width"], box["height"])
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    return [(middle[0] + (x - 0.5) * side, middle[1] + (y - 0.5) * side) for x, y in shares]


def stroke(page, start, end):
    """Drag the mouse from one place of the image to another."""
    places = places_on(page, start, end)
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


def settle(page, message="Updated in"):
    """Wait until all edits are saved and shown."""
    playwright.expect(page.locator("main")).to_have_attribute("aria-busy", "false", timeout=60_000)
    playwright.expect(page.locator("#message")).to_contain_text(message)


def pixels(page):
    """Return what is on the board, after the next frame."""
    page.mouse.move(5, 5)  # so that no brush hovers over it
    script = """() => new Promise((tell) => {
        const look = () => tell(document.getElementById("board").toDataURL());
        requestAnimationFrame(() => requestAnimationFrame(look));
    })"""
    png = b64decode(page.evaluate(script).partition(",")[2])
    return imread(png, extension=".png").astype(int)


def wait_for_other(page, before):
    """Return what is on the board once it differs."""
    for _ in range(100):
        found = pixels(page)
        if (found != before).any():
            return found
    raise AssertionError("the board stays as it is")


def wait_for(page, expected):
    """Wait until the board shows the expected pixels."""
    for _ in range(100):
        if (pixels(page) == expected).all():
            return
    np.testing.assert_array_equal(pixels(page), expected)


@needs_browser
def test_strokes_bring_a_segmentation(page, server):
    """Two strokes with the mouse: the server has them, and colors come over the image."""
    before = pixels(page)
    draw_two(page)
    assert set(np.unique(server.project.session.strokes[0])) == {0, 1, 2}
    page.keyboard.press("s")  # without the strokes, what differs is the segmentation
    assert (pixels(page) != before).mean() > 0.1


@needs_browser
def test_strokes_are_drawn_before_images_are_encoded(visit, start, tmp_path):
    """They are on the server, and the segmentation comes with the codes."""
    with serve(start(tmp_path, size=SIZE)) as server:
        page = visit(server)
        playwright.expect(page.locator("#message")).to_contain_text("You can draw meanwhile")
        stroke(page, (0.4, 0.2), (0.6, 0.2))
        page.keyboard.press("2")
        stroke(page, (0.4, 0.8), (0.6, 0.8))
        encoding = server.encode()
        settle(page)
        encoding.join()


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
    strokes = server.project.session.strokes[0]
    draw_two(page)
    page.keyboard.press("Control+z")
    settle(page, "two classes")
    assert set(np.unique(strokes)) == {0, 1}
    page.keyboard.press("Control+Shift+Z")
    settle(page)
    assert set(np.unique(strokes)) == {0, 1, 2}
    page.keyboard.press("e")
    page.locator("#size").fill("80")
    stroke(page, (0.3, 0.8), (0.7, 0.8))
    settle(page, "two classes")
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
    labels = server.project.session.prediction(0).labels
    np.testing.assert_array_equal(read_labels(tmp_path / "labels.png")[0], labels)


@needs_browser
def test_the_other_image_is_segmented_alike(page, server):
    """One model for all images; strokes are still there when one comes back, or reloads."""
    draw_two(page)
    page.keyboard.press("n")
    playwright.expect(page.locator("#next")).to_be_disabled()
    settle(page)
    assert not server.project.session.strokes[1].any()
    page.reload()
    settle(page)
    assert page.locator("#images").input_value() == "0"


@needs_browser
def test_a_suggested_region_is_opened_and_marked(page, server):
    """The button zooms to a region, the key to the next one; a stroke in the middle is inside."""
    draw_two(page)
    strokes = server.project.session.strokes
    first, second = server.project.session.suggestion(), server.project.session.suggestion(1)
    page.locator("#suggest").click()
    settle(page, "class in the box")
    assert page.locator("#images").input_value() == str(first.image)
    whole = pixels(page)
    page.keyboard.press("l")
    settle(page, "class in the box")
    playwright.expect(page.locator("#images")).to_have_value(str(second.image))
    assert (pixels(page) != whole).any()
    stroke(page, (0.5, 0.5), (0.5, 0.5))
    settle(page)
    assert strokes[second.image][second.rows, second.columns].any()
    assert server.project.session.suggestion()[:3] != second[:3]


@needs_browser
def test_classes_are_named_and_added(page, server):
    """Names reach the server; a new class is chosen, and draws."""
    page.get_by_label("Name of class 1").fill("<b>sea</b>")
    page.get_by_role("button", name="Add a class").click()
    playwright.expect(page.get_by_label("Name of class 3")).to_have_value("class 3")
    playwright.expect(page.get_by_label("Draw class 3")).to_be_checked()
    stroke(page, (0.5, 0.5), (0.55, 0.5))
    settle(page, "two classes")
    names = [c.name for c in server.project.state.classes]
    assert names == ["<b>sea</b>", "class 2", "class 3"]
    assert server.project.session.strokes[0].max() == 3


@needs_browser
def test_classes_are_recolored_hidden_and_deleted(page, server):
    """The picture changes, the strokes of a deleted class go, and undo brings them back."""
    draw_two(page)
    shown = pixels(page)
    page.get_by_label("Color of class 1").evaluate(
        "(e) => { e.value = '#ff00ff'; e.dispatchEvent(new Event('change')); }"
    )
    settle(page)
    recolored = pixels(page)
    assert (recolored != shown).any()
    page.get_by_label("Show class 1").click()
    settle(page)
    assert (pixels(page) != recolored).any()
    page.get_by_label("Delete class 1").click()
    settle(page, "two classes")
    assert set(np.unique(server.project.session.strokes[0])) == {0, 2}
    page.locator("#undo").click()
    settle(page)
    assert set(np.unique(server.project.session.strokes[0])) == {0, 1, 2}
    assert server.project.state.classes[0].color == "#ff00ff"


@needs_browser
def test_undo_after_a_reload(page, server):
    """The history is on the server: the page can be closed and opened again."""
    draw_two(page)
    page.reload()
    settle(page)
    page.keyboard.press("Control+z")
    settle(page, "two classes")
    assert set(np.unique(server.project.session.strokes[0])) == {0, 1}
    playwright.expect(page.locator("#redo")).to_be_enabled()


@needs_browser
def test_undo_opens_the_image_that_it_changes(page, server):
    """Strokes in two images are undone one after the other, however fast the key is pressed."""
    draw_two(page)
    page.keyboard.press("n")
    playwright.expect(page.locator("#next")).to_be_disabled()
    stroke(page, (0.4, 0.5), (0.6, 0.5))
    settle(page)
    assert server.project.session.strokes[1].any()
    for _ in range(5):  # twice more than there are edits
        page.keyboard.press("Control+z")
    playwright.expect(page.locator("#images")).to_have_value("0")
    settle(page, "two classes")
    assert not np.any(server.project.session.strokes)


@needs_browser
def test_a_line_a_polygon_and_a_fill(page, server):
    """A square of lines is filled inside; a polygon is filled at once; undo takes it away."""
    strokes = server.project.session.strokes[0]
    page.locator("#size").fill("3")
    page.keyboard.press("i")
    corners = [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8), (0.2, 0.2)]
    for side in pairwise(corners):
        stroke(page, *side)
    settle(page, "two classes")
    page.keyboard.press("2")
    page.keyboard.press("f")
    page.mouse.click(*places_on(page, (0.05, 0.05))[0])  # outside: more than half of the image
    playwright.expect(page.locator("#message")).to_contain_text("more than half")
    page.mouse.click(*places_on(page, (0.5, 0.5))[0])
    settle(page)
    assert strokes[SIZE // 2, SIZE // 2] == 2
    assert strokes[SIZE // 5, SIZE // 2] == 1
    assert strokes[2, 2] == 0
    page.keyboard.press("g")
    page.keyboard.press("1")
    for place in places_on(page, (0.3, 0.3), (0.7, 0.3), (0.5, 0.7), (0.3, 0.3)):
        page.mouse.click(*place)
    settle(page)
    triangle = strokes[int(0.3 * SIZE) + 2 : int(0.7 * SIZE), SIZE // 2]
    assert (triangle[:-4] == 1).all()
    assert (strokes == 1).sum() > 0.2 * 0.16 * SIZE**2


@needs_browser
def test_escape_and_backspace_change_the_polygon(page, server):
    """Neither draws anything; Enter closes it."""
    page.keyboard.press("g")
    for place in places_on(page, (0.3, 0.3), (0.7, 0.3), (0.5, 0.7)):
        page.mouse.click(*place)
    page.keyboard.press("Backspace")
    page.keyboard.press("Enter")  # two corners are too few
    page.keyboard.press("Escape")
    assert not server.project.session.strokes[0].any()
    for place in places_on(page, (0.3, 0.3), (0.7, 0.3), (0.5, 0.7)):
        page.mouse.click(*place)
    page.locator("#opacity").focus()  # a slider has no use for Enter
    page.keyboard.press("Enter")
    playwright.expect(page.locator("#undo")).to_be_enabled()
    settle(page, "two classes")
    assert server.project.session.strokes[0].any()


@needs_browser
def test_contrast_changes_the_view_alone(page, server):
    """Auto, the sliders and reset; strokes and images stay as they are."""
    before = pixels(page)
    page.locator("#high").fill("400")
    playwright.expect(page.locator("#high-told")).not_to_have_text("")
    changed = wait_for_other(page, before)
    page.keyboard.press("a")
    wait_for_other(page, changed)
    page.locator("#gamma").fill("0.5")
    playwright.expect(page.locator("#gamma-told")).to_have_text("3.16")
    page.locator("#reset").click()
    wait_for(page, before)
    assert server.project.version == 0


@needs_browser
def test_thumbnails_show_what_is_labeled(page, server):
    """A click on one opens its image."""
    draw_two(page)
    names = page.locator("#thumbnails button")
    playwright.expect(names.nth(0)).to_have_text("2 strokes")
    playwright.expect(names.nth(1)).to_have_text("unlabeled")
    names.nth(1).click()
    playwright.expect(page.locator("#images")).to_have_value("1")
    settle(page)
    page.locator("#image-slider").fill("0")
    playwright.expect(page.locator("#images")).to_have_value("0")
    settle(page)


@needs_browser
def test_all_images_are_exported(page, server):
    """Into the folder, which the page names."""
    draw_two(page)
    page.locator("#export").click()
    settle(page, "Wrote 7 files to")
    assert (server.project.folder.path / "probabilities" / "two.npy").exists()


@needs_browser
def test_closing_with_unsaved_strokes_asks(page, server):
    """The server does not answer, so that the stroke is not saved."""
    page.route("**/strokes?*", lambda route: None)
    stroke(page, (0.4, 0.4), (0.6, 0.4))
    playwright.expect(page.locator("#undo")).to_be_enabled()
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.close(run_before_unload=True)
    page.wait_for_event("close")
    assert asked == ["beforeunload"]


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
    settle(page, "two")
    rows, columns = np.nonzero(server.project.session.strokes[0])
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


@contextmanager
def annotate(*arguments):
    """Run the command: (process, the output read so far, function that sends a request)."""
    command = [SEGAE, "annotate", *map(str, arguments), "--no-browser"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # Shells let what they start in the background ignore Ctrl-C, which children inherit.
    with subprocess.Popen(command, **pipes, preexec_fn=heed_interrupts) as run:
        try:
            url = urlsplit(run.stdout.readline().decode().strip())
            said = run.stdout.readline().decode()

            def ask(path, body=None):
                connection = HTTPConnection(url.netloc, timeout=60)
                connection.request("GET" if body is None else "POST", url.path + path, body)
                answer = connection.getresponse().read()
                connection.close()
                return answer

            yield run, said, ask
        finally:
            run.kill()


@pytest.fixture
def gray(tmp_path):
    """A file of an image of 512 x 512 pixels."""
    path = tmp_path / "gray.png"
    write_image(path, np.arange(512 * 512, dtype=np.uint8).reshape(512, 512))
    return path


ROW = "strokes?image=0&top={}&left=0&height=1&width=9&version={}"


def test_the_command_serves_until_it_is_ended(gray):
    """It prints one address that answers, and Ctrl-C ends it, in the midst of training."""
    with annotate(gray, "--classes", "sea,land") as (run, said, ask):
        names = [c["name"] for c in json.loads(ask("state"))["classes"]]
        run.send_signal(signal.SIGINT)
        out, errors = run.communicate(timeout=120)
    assert names == ["sea", "land"]
    assert "gray-annotation" in said
    assert run.returncode == 0
    assert b"gray-annotation: annotation.json, strokes/ (0 files)" in out
    assert errors.startswith(b"segae: label maps and model were not written: the images are not")


def test_strokes_outlive_a_killed_process(gray):
    """SIGKILL, after the answer to a stroke: it is there at the next start, and can be undone."""
    with annotate(gray) as (run, _, ask):
        for i in range(3):
            assert b"error" not in ask(ROW.format(i, i), bytes([1 + i % 2] * 9))
        run.kill()
    with annotate(gray) as (_, _, ask):
        strokes = np.frombuffer(ask("strokes?image=0"), np.uint8).reshape(512, 512)
        assert strokes[:4, :9].max(1).tolist() == [1, 2, 1, 0]
        assert json.loads(ask("undo?version=0", b""))["undo"] == 2


def test_the_model_is_taken_by_predict(segae, start, tmp_path):
    """Without --trust: the label maps are those that the page shows."""
    project = start(tmp_path)
    project.session.encode()
    for top, value in ((0, 1), (40, 2)):
        project.paint(project.version, 0, top, 0, np.full((9, 64), value, np.uint8))
    project.export()
    model = project.folder.path / "model.segae"
    code, _, err = segae("predict", model, tmp_path / "two.tif", "-o", tmp_path / "found.tif")
    assert (code, err) == (0, "")
    (shown,) = read_labels(project.folder.path / "labels" / "two.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "found.tif")[0], shown)


def test_ctrl_c_writes_label_maps(start, tmp_path, capsys):
    """What `segae annotate` does at its end, and what it prints."""
    project = start(tmp_path)
    project.session.encode()
    for top, value in ((0, 1), (40, 2)):
        project.paint(project.version, 0, top, 0, np.full((9, 64), value, np.uint8))
    end(project)
    (labels,) = read_labels(tmp_path / "out" / "labels" / "two.png")
    np.testing.assert_array_equal(labels, project.session.prediction(1).labels)
    expected = "annotation.json, labels/ (2 files), model.segae, strokes/ (1 files)"
    assert expected in capsys.readouterr().out


def test_the_command_refuses_what_does_not_fit(segae, tmp_path):
    """Strokes of another size are one line of error, and nothing is written."""
    write_image(tmp_path / "image.png", np.zeros((64, 64), np.uint8))
    write_image(tmp_path / "strokes.png", np.zeros((9, 9), np.uint8))
    strokes = ("--labels", tmp_path / "strokes.png")
    code, _, err = segae("annotate", tmp_path / "image.png", *strokes)
    assert code == 1
    assert err.startswith("segae: y[0] has shape (9, 9)")
    assert not (tmp_path / "image-annotation").exists()
