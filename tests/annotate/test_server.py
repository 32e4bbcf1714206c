"""The page's server: who is answered, and with what."""

import io
import json
import socket
from http.client import HTTPConnection
from threading import Thread

import numpy as np
import pytest
from imageio.v3 import imread
from PIL import Image

from sklearn_segae.annotate._routes import PAGE, ROUTES
from sklearn_segae.annotate._server import AnnotationServer
from sklearn_segae.annotate._session import REGION
from sklearn_segae.persistence import load
from sklearn_segae.storage._label_files import read_labels

SIZE = 64


@pytest.fixture(scope="module")
def server(start):
    """A server of two encoded images."""
    with AnnotationServer(start(files=("left.tif", "rïght side.tif"))) as server:
        server.encode().join()
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def ask(server):
    """Return (status, headers, content) of a request to a path below the token."""

    def ask(path, method="GET", body=None, token=server.token, **headers):
        connection = HTTPConnection("127.0.0.1", server.server_port, timeout=60)
        try:
            connection.request(method, f"/{token}/{path}", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    return ask


@pytest.fixture
def edit(ask, server):
    """Return (status, parsed answer) of an edit of the current version."""

    def edit(path, body=None, version=None):
        version = server.project.version if version is None else version
        mark = "&" if "?" in path else "?"
        status, _, answer = ask(f"{path}{mark}version={version}", "POST", body)
        return status, json.loads(answer)

    return edit


@pytest.fixture
def drawn(edit):
    """Strokes of two classes, one above the other, in the first image: the version."""
    for top, value in ((0, 1), (SIZE - 4, 2)):
        status, answer = edit(stroke(top, 0, 4, SIZE), bytes([value]) * 4 * SIZE)
        assert status == 200
    return answer["version"]


@pytest.fixture
def bare(edit):
    """No strokes in either image: the version."""
    for image in (0, 1):
        _, answer = edit(stroke(0, 0, SIZE, SIZE, image), bytes(SIZE**2))
    return answer["version"]


def row(number):
    return {"number": number, "name": "x", "color": "#000000", "visible": True}


def stroke(top, left, height, width, image=0):
    return f"strokes?image={image}&top={top}&left={left}&height={height}&width={width}"


def test_it_listens_on_this_machine_alone(server):
    """Other machines cannot even connect."""
    assert server.server_address[0] == "127.0.0.1"


def test_nobody_can_guess_the_address(server):
    """The token has 192 random bits."""
    other = AnnotationServer(server.project)
    other.server_close()
    assert len(server.token) == 32
    assert server.token != other.token


@pytest.mark.parametrize("path", ["", "state", "picture?image=0", "page.js", "download/model"])
@pytest.mark.parametrize("token", ["", "guess", "../", "%00", "%C3%A9"])
def test_without_the_token_there_is_nothing(ask, path, token):
    """Whatever is asked for, also pages that do not exist."""
    assert ask(path, token=token)[0] == 403


def test_without_the_token_no_route_answers(ask):
    """Of either method."""
    for method, path in ROUTES:
        assert ask(path, method, token="guess")[0] == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "", "[::1]:80"])
def test_other_names_for_this_machine_are_refused(ask, host):
    """A page elsewhere that points its name here is told nothing (DNS rebinding)."""
    assert ask("state", Host=host)[0] == 403


def test_other_pages_are_refused(ask, server):
    """Requests say which page they come from."""
    own = server.url.partition(f"/{server.token}")[0]
    assert ask("state", Origin="https://evil.example")[0] == 403
    assert ask("state", Origin="null")[0] == 403
    assert ask("state", Origin=own)[0] == 200


@pytest.mark.parametrize("path", PAGE)
def test_the_page_may_load_nothing_from_elsewhere(ask, path):
    """Every file of the page comes with its policy, and names no other address."""
    status, headers, body = ask(path)
    assert status == 200
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "*" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    body = body.replace(b'xmlns="http://www.w3.org/2000/svg"', b"")  # a name, not an address
    assert b"http://" not in body
    assert b"https://" not in body


@pytest.mark.parametrize(
    "path",
    [
        "nonsense",
        "_cli.py",
        "../_cli.py",
        "..%2f_cli.py",
        "%2e%2e/_cli.py",
        "/etc/passwd",
        "page.js/",
    ],
)
def test_no_other_file_is_served(ask, path):
    """Names are looked up in a table, not on disk."""
    assert ask(path)[0] == 404


def test_the_state_tells_what_there_is(ask, bare, server):
    """Images with their sizes and strokes, classes with their colors, the folder."""
    state = json.loads(ask("state")[2])
    assert state["images"][0] == {"name": "left.tif", "width": SIZE, "height": SIZE}
    names = [(c["number"], c["name"], c["color"], c["visible"]) for c in state["classes"]]
    assert names == [(1, "class 1", "#0072b2", True), (2, "class 2", "#e69f00", True)]
    assert state["palette"][:2] == ["#0072b2", "#e69f00"]
    assert state["n_strokes"] == [0, 0]
    assert state["folder"] == str(server.project.folder.path)
    assert state["ready"]


def test_pictures_and_strokes_come_as_bytes(ask, drawn):
    """Three bytes a pixel, and one."""
    assert len(ask("picture?image=1")[2]) == 3 * SIZE**2
    strokes = np.frombuffer(ask("strokes?image=0")[2], np.uint8).reshape(SIZE, SIZE)
    assert (strokes[:4] == 1).all()
    assert (strokes[-4:] == 2).all()
    assert not strokes[4:-4].any()


def test_a_view_is_what_the_classifier_says(ask, drawn, server):
    """Labels, then doubt, of every step-th pixel."""
    status, _, body = ask(f"view?image=0&step=3&version={drawn}")
    found = server.project.session.prediction(0, 3)
    assert status == 200
    assert body == found.labels.tobytes() + found.uncertainty.tobytes()


def test_an_outdated_view_is_not_sent(ask, drawn):
    """A newer stroke has come."""
    assert ask(f"view?image=0&step=1&version={drawn - 1}")[0] == 409


def test_there_is_no_view_of_nothing(ask, bare):
    """Before two classes have strokes."""
    assert ask(f"view?image=0&step=1&version={bare}")[0] == 204


def test_the_full_view_is_saved_as_a_label_map(ask, drawn, server):
    """In the colors of the classes, with their numbers as values."""
    path = server.project.folder.path / "labels" / "left.png"
    assert ask(f"view?image=0&step=1&version={drawn}")[0] == 200
    (labels,) = read_labels(path)
    np.testing.assert_array_equal(labels, server.project.session.prediction(0).labels)
    assert Image.open(path).getpalette()[3:9] == [0, 0x72, 0xB2, 0xE6, 0x9F, 0]


def test_the_region_to_label_next_has_no_strokes(ask, drawn, server):
    """A box in some image; higher ranks are other ones, and after the last comes the first."""
    answers = [json.loads(ask(f"suggestion?rank={rank}")[2]) for rank in (0, 1, 2)]
    assert answers[0] == server.project.session.suggestion()._asdict()
    for a in answers:
        box = np.s_[a["top"] : a["top"] + a["height"], a["left"] : a["left"] + a["width"]]
        assert server.project.session.strokes[a["image"]][box].size > 0
        assert not server.project.session.strokes[a["image"]][box].any()
    assert len({(a["image"], a["top"], a["left"]) for a in answers}) == 3
    n_free = 2 * (SIZE // REGION) ** 2 - 2 * (SIZE // REGION)  # two rows of regions have strokes
    assert json.loads(ask(f"suggestion?rank={n_free}")[2]) == answers[0]
    assert ask("suggestion?rank=-1")[0] == 400


def test_the_next_region_is_in_another_image(ask, edit, bare):
    """If all regions of the first one have strokes."""
    halves = bytes([1, 2]) * (SIZE**2 // 2)
    assert edit(stroke(0, 0, SIZE, SIZE), halves)[0] == 200
    assert json.loads(ask("suggestion?rank=0")[2])["image"] == 1


def test_nothing_is_suggested_before_two_classes_have_strokes(ask, bare):
    """Nor is there a label map."""
    assert ask("suggestion?rank=0")[0] == 204


def test_downloads(ask, drawn, server, tmp_path):
    """Maps as PNG and npy, the model as `load` takes it, under safe names."""
    session = server.project.session
    found = session.prediction(1)
    status, headers, png = ask("download/labels?image=1&as=png")
    assert status == 200
    assert headers["Content-Disposition"] == 'attachment; filename="r_ght_side-labels.png"'
    (tmp_path / "labels.png").write_bytes(png)
    np.testing.assert_array_equal(read_labels(tmp_path / "labels.png")[0], found.labels)
    npy = ask("download/strokes?image=0&as=npy")[2]
    np.testing.assert_array_equal(np.load(io.BytesIO(npy)), session.strokes[0])
    png = ask("download/uncertainty?image=1&as=png")[2]
    np.testing.assert_array_equal(imread(png, extension=".png"), found.uncertainty)
    (tmp_path / "model.segae").write_bytes(ask("download/model")[2])
    model = load(tmp_path / "model.segae")
    np.testing.assert_array_equal(model.predict(session.images)[1], found.labels)
    names = [c["name"] for c in json.loads(ask("download/classes")[2])]
    assert names == ["class 1", "class 2"]


def test_probabilities_are_those_of_the_label_map(ask, drawn, server):
    """They sum to 1, and the highest is that of the label."""
    probabilities = np.load(io.BytesIO(ask("download/probabilities?image=1")[2]))
    np.testing.assert_allclose(probabilities.sum(2), 1, atol=1e-6)
    labels = server.project.session.prediction(1).labels
    np.testing.assert_array_equal(probabilities.argmax(2) + 1, labels)


def test_there_is_nothing_to_download_before(ask, bare):
    """An error that says what to do."""
    names = ("labels?image=0", "uncertainty?image=0", "probabilities?image=0")
    for path, status in (*((name, 409) for name in names), ("model", 400)):
        found, _, body = ask(f"download/{path}")
        assert found == status
        assert "two classes" in json.loads(body)["error"]


def test_maps_of_other_formats_are_refused(ask, drawn):
    """As a bad request."""
    assert ask("download/labels?image=0&as=exe")[0] == 400


def test_export_writes_all_images(edit, drawn, server):
    """Maps of both images and the model, of which the answer has the names."""
    status, answer = edit("export")
    folder = server.project.folder.path
    names = ["labels/{}.png", "uncertainty/{}.png", "probabilities/{}.npy"]
    expected = [name.format(key) for key in ("left", "rïght side") for name in names]
    assert (status, answer["files"]) == (200, [*expected, "model.segae"])
    for i, key in enumerate(server.project.folder.keys):
        (labels,) = read_labels(folder / "labels" / f"{key}.png")
        np.testing.assert_array_equal(labels, server.project.session.prediction(i).labels)
    assert load(folder / "model.segae").classes_.size == 2


def test_nothing_is_exported_before(edit, bare):
    """Strokes of two classes are needed."""
    status, answer = edit("export")
    assert status == 400
    assert "two classes" in answer["error"]


def test_undo_and_redo(ask, edit, drawn, server):
    """The answers name the images that changed, and how many steps are left."""
    before = server.project.session.strokes[0].copy()
    status, answer = edit("undo")
    assert (status, answer["changed"], answer["redo"]) == (200, [0], 1)
    assert set(np.unique(server.project.session.strokes[0])) == {0, 1}
    status, answer = edit("redo")
    assert (status, answer["redo"]) == (200, 0)
    np.testing.assert_array_equal(server.project.session.strokes[0], before)
    status, answer = edit("redo")
    assert status == 400
    assert "nothing to redo" in answer["error"]


def test_edits_of_an_earlier_version_are_refused(edit, drawn, server):
    """Of a second tab, which does not show what was drawn in the first one."""
    strokes = server.project.session.strokes[0].copy()
    for path, body in (
        (stroke(0, 0, 2, 2), bytes(4)),
        ("classes", b"[]"),
        ("undo", None),
        ("redo", None),
    ):
        assert edit(path, body, version=drawn - 1)[0] == 409, path
    np.testing.assert_array_equal(server.project.session.strokes[0], strokes)


def test_classes_are_edited(edit, drawn, server):
    """Names are data: whatever is in them comes back as it was, and is cut to length."""
    rows = [
        {"number": 1, "name": "<b>sea</b>", "color": "#010203", "visible": False},
        {"number": 2, "name": "land" * 20, "color": "#e69f00", "visible": True},
    ]
    status, answer = edit("classes", json.dumps(rows))
    assert status == 200
    assert answer["classes"] == [rows[0], {**rows[1], "name": "land" * 10}]
    status, answer = edit("classes", json.dumps(rows[:1]))  # the second one is deleted
    assert set(np.unique(server.project.session.strokes[0])) == {0, 1}
    for _ in range(2):
        _, answer = edit("undo")
    assert [c["name"] for c in answer["classes"]] == ["class 1", "class 2"]
    assert set(np.unique(server.project.session.strokes[0])) == {0, 1, 2}


def test_a_picture_in_other_contrast(ask, server):
    """Values up to `low` are black, from `high` on white."""
    values = json.loads(ask("values?image=0")[2])
    image = server.project.images[0].pixels
    assert values["low"] == pytest.approx(image.min())
    middle = float(np.median(image))
    body = ask(f"picture?image=0&low={middle}&high={middle}&gamma=1")[2]
    picture = np.frombuffer(body, np.uint8).reshape(SIZE, SIZE, 3)
    np.testing.assert_array_equal(picture[..., 1] > 0, image > np.float32(middle))
    for query in (
        "low=nan&high=1&gamma=1",
        "low=0&high=1",
        "low=2&high=1&gamma=1",
        "low=0&high=1&gamma=0",
    ):
        assert ask(f"picture?image=0&{query}")[0] == 400, query


def test_thumbnails_are_small_pictures(ask):
    """PNG files of at most 72 pixels."""
    status, headers, png = ask("thumbnail?image=1")
    assert (status, headers["Content-Type"]) == (200, "image/png")
    assert imread(png, extension=".png").shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (stroke(0, 0, 2, 2), b"\1\1\1", 400),  # too little
        (stroke(0, 0, 2, 2), b"\1" * 5, 413),  # too much
        (stroke(0, 0, 2, 2), b"\7" * 4, 400),  # no such class
        (stroke(SIZE, 0, 2, 2), b"\1" * 4, 400),  # beside the image
        (stroke(0, 0, 0, 2), b"", 413),
        (stroke(0, 0, 10**6, 10**6), b"", 413),
        (stroke(0, 0, 2, 2, image=9), b"\1" * 4, 404),
        ("strokes?image=0&top=-1&left=0&height=1&width=1", b"\1", 400),
        ("strokes?image=0&top=%D9%A3&left=0&height=1&width=1", b"\1", 400),
        ("strokes", b"\1", 400),
        ("undo", b"\1", 413),
        ("redo", b"\1", 413),
        ("export", b"\1", 413),
        ("classes", b"{}", 400),
        ("classes", b"[1, 2]", 400),
        ("classes", b"[", 400),
        ("classes", b"\xff", 400),
        ("classes", b"[" * 10_000, 400),
        ("classes", json.dumps([row(1)] * 99).encode(), 400),
        ("classes", json.dumps([row(1), row(1)]).encode(), 400),
        ("classes", json.dumps([row(0)]).encode(), 400),
        ("classes", json.dumps([row(31)]).encode(), 400),
        ("classes", json.dumps([row(True)]).encode(), 400),
        ("classes", json.dumps([{**row(1), "name": 1}]).encode(), 400),
        ("classes", json.dumps([{**row(1), "color": "url(x)"}]).encode(), 400),
        ("classes", b" " * 10**5, 413),
        ("nonsense", b"", 404),
    ],
)
def test_bad_content_changes_nothing(edit, server, path, body, status):
    """It is answered with what is wrong, not with a traceback."""
    project = server.project
    before = project.version, project.state, [s.copy() for s in project.session.strokes]
    found, answer = edit(path, body)
    assert found == status
    assert answer["error"]
    assert (project.version, project.state) == before[:2]
    np.testing.assert_array_equal(project.session.strokes, before[2])


def test_a_stroke_that_cannot_be_saved_is_refused(edit, drawn, server, tmp_path):
    """The page shows the error, and the stroke is neither on the server nor on disk."""
    project = server.project
    before = project.state, project.session.strokes[0].copy()
    folder = project.folder.path.rename(tmp_path / "elsewhere")
    project.folder.path.write_text("a file in its place")
    status, answer = edit(stroke(20, 0, 2, 2), b"\1" * 4)
    project.folder.path.unlink()
    folder.rename(project.folder.path)
    assert status == 507
    assert "out" in answer["error"]
    assert project.state is before[0]
    np.testing.assert_array_equal(project.session.strokes[0], before[1])
    assert edit(stroke(20, 0, 2, 2), b"\1" * 4)[0] == 200


@pytest.mark.parametrize("length", ["", "Content-Length: 99999999999999999999\r\n"])
def test_content_is_not_read_without_end(server, length):
    """Its length is said before, and not more than there is room for."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as connection:
        head = f"POST /{server.token}/classes HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n"
        connection.sendall(f"{head}{length}\r\n".encode())
        answer = connection.makefile("rb").read()  # until the server closes
    assert answer.split()[1] in (b"411", b"413")


def test_an_encoder_that_fails_tells_so(start):
    """The page shows the error of a thread that nobody sees."""
    with AnnotationServer(start(encoder="nonsense")) as server:
        server.encode().join()
    assert not server.project.session.ready
    assert "nonsense" in server.failure
