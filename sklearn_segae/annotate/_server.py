"""Local HTTP server of the annotation page, for one user on the same machine."""

from __future__ import annotations

import hmac
import io
import json
import secrets
import tempfile
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from .._compat import require
from ..imaging._label_maps import as_stored
from ..imaging._rendering import as_picture, colors
from ..persistence._persist import save
from ._session import MAX_CLASSES, AnnotationSession

LOOPBACK = "127.0.0.1"
MAX_JSON = 2**14  # maximum size of the names of classes, in bytes
WAIT = 30  # timeout of a request in seconds
PAGE = {
    "": ("index.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
    "canvas.js": ("canvas.js", "text/javascript; charset=utf-8"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
BYTES = "application/octet-stream"


class Refused(Exception):
    """Error of a request, sent as an HTTP status and a message."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class AnnotationServer(ThreadingHTTPServer):
    """Serve one annotation session at a URL with a random token.

    `names` are those of the images, also used for downloads. Port 0 selects a free port.
    """

    daemon_threads = True

    def __init__(self, session: AnnotationSession, names: Sequence[str], port: int = 0) -> None:
        super().__init__((LOOPBACK, port), _Handler)
        self.session = session
        self.names = list(names)
        self.token = secrets.token_urlsafe(24)
        self.stage, self.failure = "Starting", ""

    @property
    def url(self) -> str:
        """URL of the page."""
        return f"http://{LOOPBACK}:{self.server_port}/{self.token}/"

    def encode(self) -> Thread:
        """Encode the images in a background thread."""
        thread = Thread(target=self._encode, daemon=True)
        thread.start()
        return thread

    def _encode(self) -> None:
        try:
            self.session.encode(lambda stage: setattr(self, "stage", stage))
        except Exception as error:  # shown on the page
            self.failure = f"{error}" or type(error).__name__

    def state(self) -> dict[str, Any]:
        """Return the state of the page, ready for JSON."""
        session = self.session
        shapes = [strokes.shape for strokes in session.strokes]
        sizes = [{"width": w, "height": h} for h, w in shapes]
        return {
            "images": [{"name": n, **s} for n, s in zip(self.names, sizes, strict=True)],
            "classes": session.names,
            "colors": [f"#{bytes(c).hex()}" for c in colors(MAX_CLASSES)],
            "version": session.version,
            "ready": session.ready,
            "stage": self.stage,
            "failure": self.failure,
        }


class _Handler(BaseHTTPRequestHandler):
    """Handler of one request."""

    server: AnnotationServer
    protocol_version = "HTTP/1.1"
    timeout = WAIT
    server_version, sys_version = "segae", ""

    def do_GET(self) -> None:
        self._answer(
            {
                **{name: self._page for name in PAGE},
                "state": self._state,
                "picture": self._picture,
                "strokes": self._strokes,
                "view": self._view,
                "suggestion": self._suggest,
                "download/labels": self._download_labels,
                "download/strokes": self._download_strokes,
                "download/model": self._download_model,
            }
        )

    def do_POST(self) -> None:
        self._answer({"strokes": self._paint, "classes": self._rename})

    def _answer(self, routes: dict[str, Callable[[], None]]) -> None:
        try:
            self._admit()
            if self.route not in routes:
                raise Refused(404, "there is no such page.")
            routes[self.route]()
        except Refused as refused:
            self._refuse(refused.status, str(refused))
        except (ValueError, RecursionError) as error:  # from nested JSON
            self._refuse(400, str(error))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client is gone

    def _admit(self) -> None:
        """Check host, origin and token of a request, and parse its URL."""
        # DNS rebinding by another site shows in the header "Host".
        hosts = {f"{name}:{self.server.server_port}" for name in (LOOPBACK, "localhost")}
        if self.headers.get("Host") not in hosts:
            raise Refused(403, "this page is served at 127.0.0.1 only.")
        origin = self.headers.get("Origin")
        if origin is not None and origin not in {f"http://{host}" for host in hosts}:
            raise Refused(403, "requests from other pages are rejected.")
        url = urlsplit(self.path)
        token, _, self.route = url.path.removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            raise Refused(403, "open the address that `segae annotate` printed.")
        self.query = parse_qs(url.query)

    def _page(self) -> None:
        name, kind = PAGE[self.route]
        self._send((files("sklearn_segae.annotate") / "static" / name).read_bytes(), kind)

    def _state(self) -> None:
        self._send_json(self.server.state())

    def _picture(self) -> None:
        self._send(as_picture(self.server.session.images[self._image()]).tobytes())

    def _strokes(self) -> None:
        self._send(self.server.session.strokes[self._image()].tobytes())

    def _paint(self) -> None:
        session = self.server.session
        image, top, left = self._image(), self._number("top"), self._number("left")
        height, width = self._number("height"), self._number("width")
        if height * width > session.strokes[image].size or not height * width:
            raise Refused(413, "a patch must not be empty or larger than its image.")
        body = self._body(height * width)
        if len(body) != height * width:
            raise Refused(400, f"a patch of {height} x {width} needs one byte per pixel.")
        patch = np.frombuffer(body, np.uint8).reshape(height, width)
        self._send_json({"version": session.paint(image, top, left, patch)})

    def _rename(self) -> None:
        names = json.loads(self._body(MAX_JSON))
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Refused(400, "names must be a list of strings.")
        self.server.session.rename(names)
        self._send_json(self.server.session.names)

    def _view(self) -> None:
        """Send labels and uncertainty; status 204 if fewer than two classes have strokes."""
        session, version = self.server.session, self._number("version")
        step = max(1, self._number("step"))
        image = self._image()
        if not session.ready:
            raise Refused(503, "the images are not encoded yet.")
        found = session.prediction(image, step, lambda: session.version == version)
        if session.version != version:
            raise Refused(409, "the strokes have changed. Reload the page.")
        if found is None:
            self._send(b"", status=204)
            return
        self._send(found.labels.tobytes() + found.uncertainty.tobytes())

    def _suggest(self) -> None:
        """Send the region to label next; status 204 if there is none."""
        session = self.server.session
        if not session.ready:
            raise Refused(503, "the images are not encoded yet.")
        region = session.suggestion(self._number("rank"))
        if region is None:
            self._send(b"", status=204)
        else:
            self._send_json(region._asdict())

    def _download_labels(self) -> None:
        session, image = self.server.session, self._image()
        found = session.prediction(image) if session.ready else None
        if found is None:
            raise Refused(409, "draw strokes of two classes first.")
        self._send_map(found.labels, "labels")

    def _download_strokes(self) -> None:
        self._send_map(self.server.session.strokes[self._image()], "strokes")

    def _download_model(self) -> None:
        model = self.server.session.model()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.segae"
            save(model, path)
            self._send(path.read_bytes(), name="model.segae")

    def _image(self) -> int:
        image = self._number("image")
        if image >= len(self.server.names):
            raise Refused(404, f"there are {len(self.server.names)} images, counted from 0.")
        return image

    def _number(self, name: str) -> int:
        (text,) = self.query.get(name, [""])[:1]
        if not (text.isascii() and text.isdecimal() and len(text) < 10):
            raise Refused(400, f"{name}={text[:20]!r} is not an integer >= 0.")
        return int(text)

    def _body(self, most: int) -> bytes:
        text = self.headers.get("Content-Length", "")
        if self.headers.get("Transfer-Encoding") or not (text.isascii() and text.isdecimal()):
            raise Refused(411, "a header Content-Length is required.")
        if len(text) > 12 or int(text) > most:
            raise Refused(413, f"the content may have at most {most} bytes.")
        return self.rfile.read(int(text))

    def _send_map(self, labels: np.ndarray, what: str) -> None:
        """Send a map as a file in the requested format."""
        suffix = self.query.get("as", ["png"])[0]
        name = f"{Path(self.server.names[self._image()]).stem}-{what}.{suffix}"
        if suffix == "npy":
            buffer = io.BytesIO()
            np.save(buffer, labels)
            self._send(buffer.getvalue(), name=name)
        elif suffix == "png":
            write = require("imageio.v3", "annotate").imwrite
            self._send(write("<bytes>", as_stored(labels), extension=".png"), "image/png", name)
        else:
            raise Refused(400, "as must be png or npy.")

    def _send_json(self, value: Any) -> None:
        self._send(json.dumps(value).encode(), "application/json")

    def _refuse(self, status: int, why: str) -> None:
        self._send(json.dumps({"error": why}).encode(), "application/json", status=status)

    def _send(self, body: bytes, kind: str = BYTES, name: str = "", status: int = 200) -> None:
        self.send_response(status)
        for header, value in HEADERS.items():
            self.send_header(header, value)
        self.send_header("Content-Type", kind)
        if name:
            safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
            self.send_header("Content-Disposition", f'attachment; filename="{safe}"')
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        # An unread body would be parsed as the next request.
        if self.command == "POST" and status >= 400:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing, since the URL contains the token."""
