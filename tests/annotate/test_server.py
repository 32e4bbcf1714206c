"""The page's server: who is answered, and with what."""

import io
import json
import socket
from http.client import HTTPConnection
from threading import Thread

import numpy as np
import pytest

from sklearn_segae import PixelEncoder
from sklearn_segae.annotate._server import PAGE, AnnotationServer
from sklearn_segae.annotate._session import REGION, AnnotationSession
from sklearn_segae.datasets import make_mosaic
from sklearn_segae.persistence import load
from sklearn_segae.storage._files import read_image

SIZE = 64


@pytest.fixture(scope="module")
def server():
    """A server of two encoded images."""
    images, _ = make_mosaic(2, n_segments=2, size=SIZE, random_state=0)
    encoder = PixelEncoder(4, features="multiscale", n_filters=4, batch_size=1, max_epochs=0)
    session = AnnotationSession(list(images), encoder=encoder)
    with AnnotationServer(session, ["left.png", "rïght side.png"]) as server:
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
def drawn(ask):
    """Strokes of two classes, one above the other, in the first image."""
    for top, value in ((0, 1), (SIZE - 4, 2)):
        status, _, body = ask(stroke(top, 0, 4, SIZE), "POST", bytes([value]) * 4 * SIZE)
        assert status == 200
    return json.loads(body)["version"]


def stroke(top, left, height, width, image=0):
    return f"strokes?image={image}&top={top}&left={left}&height={height}&width={width}"


def test_it_listens_on_this_machine_alone(server):
    """Other machines cannot even connect."""
    assert server.server_address[0] == "127.0.0.1"


def test_nobody_can_guess_the_address(server):
    """The token has 192 random bits."""
    other = AnnotationServer(server.session, server.names)
    other.server_close()
    assert len(server.token) == 32
    assert server.token != other.token


@pytest.mark.parametrize("path", ["", "state", "picture?image=0", "page.js", "download/model"])
@pytest.mark.parametrize("token", ["", "guess", "../", "%00", "%C3%A9"])
def test_without_the_token_there_is_nothing(ask, path, token):
    """Whatever is asked for, also pages that do not exist."""
    assert ask(path, token=token)[0] == 403


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


def test_the_state_tells_what_there_is(ask):
    """Images with their sizes, classes with their colors."""
    state = json.loads(ask("state")[2])
    assert state["images"][0] == {"name": "left.png", "width": SIZE, "height": SIZE}
    assert state["classes"] == ["class 1", "class 2"]
    assert state["colors"][:2] == ["#0072b2", "#e69f00"]
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
    found = server.session.prediction(0, 3)
    assert status == 200
    assert body == found.labels.tobytes() + found.uncertainty.tobytes()


def test_an_outdated_view_is_not_sent(ask, drawn):
    """A newer stroke has come; nor is there one before two classes have strokes."""
    assert ask(f"view?image=0&step=1&version={drawn - 1}")[0] == 409
    body = json.loads(ask(stroke(0, 0, SIZE, SIZE), "POST", bytes(SIZE**2))[2])
    assert ask(f"view?image=0&step=1&version={body['version']}")[0] == 204


def test_the_region_to_label_next_has_no_strokes(ask, drawn, server):
    """A box in some image; higher ranks are other ones, and after the last comes the first."""
    answers = [json.loads(ask(f"suggestion?rank={rank}")[2]) for rank in (0, 1, 2)]
    assert answers[0] == server.session.suggestion()._asdict()
    for a in answers:
        box = np.s_[a["top"] : a["top"] + a["height"], a["left"] : a["left"] + a["width"]]
        assert server.session.strokes[a["image"]][box].size > 0
        assert not server.session.strokes[a["image"]][box].any()
    assert len({(a["image"], a["top"], a["left"]) for a in answers}) == 3
    n_free = 2 * (SIZE // REGION) ** 2 - 2 * (SIZE // REGION)  # two rows of regions have strokes
    assert json.loads(ask(f"suggestion?rank={n_free}")[2]) == answers[0]
    assert ask("suggestion?rank=-1")[0] == 400


def test_nothing_is_suggested_before_two_classes_have_strokes(ask):
    """Nor is there a label map."""
    ask(stroke(0, 0, SIZE, SIZE), "POST", bytes(SIZE**2))
    assert ask("suggestion?rank=0")[0] == 204


def test_downloads(ask, drawn, server, tmp_path):
    """Label map and strokes as PNG and npy, the model as `load` takes it, under safe names."""
    labels = server.session.prediction(1).labels
    status, headers, png = ask("download/labels?image=1&as=png")
    assert status == 200
    assert headers["Content-Disposition"] == 'attachment; filename="r_ght_side-labels.png"'
    (tmp_path / "labels.png").write_bytes(png)
    np.testing.assert_array_equal(read_image(tmp_path / "labels.png"), labels)
    npy = ask("download/strokes?image=0&as=npy")[2]
    np.testing.assert_array_equal(np.load(io.BytesIO(npy)), server.session.strokes[0])
    (tmp_path / "model.segae").write_bytes(ask("download/model")[2])
    model = load(tmp_path / "model.segae")
    np.testing.assert_array_equal(model.predict(server.session.images)[1], labels)


def test_there_is_nothing_to_download_before(ask):
    """An error that says what to do."""
    ask(stroke(0, 0, SIZE, SIZE), "POST", bytes(SIZE**2))
    for path, status in (("labels?image=0", 409), ("model", 400)):
        found, _, body = ask(f"download/{path}")
        assert found == status
        assert "two classes" in json.loads(body)["error"]


def test_classes_are_renamed_and_added(ask):
    """Names are data: whatever is in them comes back as it was, and is cut to length."""
    names = ["<b>sea</b>", "land" * 20]
    assert json.loads(ask("classes", "POST", json.dumps(names))[2]) == [names[0], names[1][:40]]
    ask("classes", "POST", json.dumps(["class 1", "class 2"]))


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
        ("classes", b"{}", 400),
        ("classes", b"[1, 2]", 400),
        ("classes", b"[", 400),
        ("classes", b"\xff", 400),
        ("classes", b"[" * 10_000, 400),
        ("classes", json.dumps(["x"] * 99).encode(), 400),
        ("classes", b" " * 10**5, 413),
        ("nonsense", b"", 404),
    ],
)
def test_bad_content_changes_nothing(ask, server, path, body, status):
    """It is answered with what is wrong, not with a traceback."""
    before = server.session.version, list(server.session.names)
    found, _, answer = ask(path, "POST", body)
    assert found == status
    assert json.loads(answer)["error"]
    assert (server.session.version, server.session.names) == before


@pytest.mark.parametrize("length", ["", "Content-Length: 99999999999999999999\r\n"])
def test_content_is_not_read_without_end(server, length):
    """Its length is said before, and not more than there is room for."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as connection:
        head = f"POST /{server.token}/classes HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n"
        connection.sendall(f"{head}{length}\r\n".encode())
        answer = connection.makefile("rb").read()  # until the server closes
    assert answer.split()[1] in (b"411", b"413")


def test_an_encoder_that_fails_tells_so():
    """The page shows the error of a thread that nobody sees."""
    session = AnnotationSession([np.zeros((64, 64))], encoder="nonsense")
    with AnnotationServer(session, ["a.png"]) as server:
        server.encode().join()
        state = server.state()
    assert not state["ready"]
    assert "nonsense" in state["failure"]
