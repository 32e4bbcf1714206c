"""What the server answers: one function for every method and path, and the table of them."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..imaging._rendering import colors
from ..persistence._persist import save
from ._classes import palette, parse_classes
from ._maps import npy, plain_png, png
from ._pictures import Contrast, render, thumbnail, value_range
from ._project import MODEL, AnnotationProject
from ._session import MAX_CLASSES

MAX_JSON = 2**14  # maximum size of the classes, in bytes
BYTES, JSON = "application/octet-stream", "application/json"
SCRIPT = "text/javascript; charset=utf-8"
SCRIPTS = (
    *("page", "board", "classes", "contrast", "files", "images", "keys", "layers", "raster"),
    *("server", "tools"),
)
PAGE = {
    "": ("index.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
    **{f"{name}.js": (f"{name}.js", SCRIPT) for name in SCRIPTS},
}


class Refused(Exception):
    """Error of a request, sent as an HTTP status and a message."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Reply(NamedTuple):
    """Content to send; `name` is that of a file to be saved."""

    body: bytes = b""
    kind: str = BYTES
    name: str = ""
    status: int = 200


class Progress(Protocol):
    """What the server knows about the encoding of the images."""

    stage: str
    failure: str


class Request(NamedTuple):
    """An admitted request."""

    project: AnnotationProject
    progress: Progress
    route: str
    query: dict[str, list[str]]
    read: Callable[[int], bytes]  # the body, of at most so many bytes

    def text(self, name: str, default: str = "") -> str:
        """Return a parameter of the query."""
        return self.query.get(name, [default])[0]

    def number(self, name: str) -> int:
        """Return a parameter that is an integer >= 0."""
        text = self.text(name)
        if not (text.isascii() and text.isdecimal() and len(text) < 10):
            raise Refused(400, f"{name}={text[:20]!r} is not an integer >= 0.")
        return int(text)

    def decimal(self, name: str) -> float:
        """Return a parameter that is a finite number."""
        text = self.text(name)[:40]
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise Refused(400, f"{name}={text[:20]!r} is not a number.")
        return number

    def image(self) -> int:
        """Return the index of the image."""
        image, n_images = self.number("image"), len(self.project.images)
        if image >= n_images:
            raise Refused(404, f"there are {n_images} images, counted from 0.")
        return image


def page(request: Request) -> Reply:
    """Return a file of the page."""
    name, kind = PAGE[request.route]
    return Reply((files("sklearn_segae.annotate") / "static" / name).read_bytes(), kind)


def state(request: Request) -> Reply:
    """Return what the page needs to know at its start, and whether images are encoded."""
    project = request.project
    shapes = [strokes.shape for strokes in project.session.strokes]
    return _json(
        {
            "images": [
                {"name": image.name, "width": width, "height": height}
                for image, (height, width) in zip(project.images, shapes, strict=True)
            ],
            "palette": [f"#{bytes(c).hex()}" for c in colors(MAX_CLASSES)],
            "folder": str(project.folder.path),
            "ready": project.session.ready,
            "stage": request.progress.stage,
            "failure": request.progress.failure,
            **_edited(project),
        }
    )


def picture(request: Request) -> Reply:
    """Return the RGB bytes of an image."""
    image, contrast = request.image(), None
    if "low" in request.query:
        contrast = Contrast(*(request.decimal(name) for name in ("low", "high", "gamma")))
        if contrast.low > contrast.high or not 0.01 <= contrast.gamma <= 100:
            raise Refused(400, "low must not be above high, and gamma be from 0.01 to 100.")
    return Reply(render(request.project.images[image].pixels, contrast).tobytes())


def values(request: Request) -> Reply:
    """Return the range of the values of an image."""
    return _json(value_range(request.project.images[request.image()].pixels)._asdict())


def small(request: Request) -> Reply:
    """Return a small picture of an image."""
    pixels = thumbnail(request.project.images[request.image()].pixels)
    return Reply(plain_png(pixels), "image/png")


def strokes(request: Request) -> Reply:
    """Return the strokes of an image, one byte a pixel."""
    return Reply(request.project.session.strokes[request.image()].tobytes())


def paint(request: Request) -> Reply:
    """Replace a rectangle of strokes."""
    image, top, left = request.image(), request.number("top"), request.number("left")
    height, width = request.number("height"), request.number("width")
    version, project = request.number("version"), request.project
    if height * width > project.session.strokes[image].size or not height * width:
        raise Refused(413, "a patch must not be empty or larger than its image.")
    body = request.read(height * width)
    if len(body) != height * width:
        raise Refused(400, f"a patch of {height} x {width} needs one byte per pixel.")
    patch = np.frombuffer(body, np.uint8).reshape(height, width)
    project.paint(version, image, top, left, patch)
    return _json(_edited(project))


def classes(request: Request) -> Reply:
    """Replace the classes; strokes of those that are left out are deleted."""
    rows = json.loads(request.read(MAX_JSON))
    parsed = parse_classes(rows)
    hidden = {row["number"] for row in rows if row.get("visible") is False}
    request.project.set_classes(request.number("version"), parsed, hidden)
    return _json(_edited(request.project))


def undo(request: Request) -> Reply:
    """Undo the last edit."""
    request.read(0)
    changed = request.project.undo(request.number("version"))
    return _json({**_edited(request.project), "changed": changed})


def redo(request: Request) -> Reply:
    """Redo the edit that was undone last."""
    request.read(0)
    changed = request.project.redo(request.number("version"))
    return _json({**_edited(request.project), "changed": changed})


def view(request: Request) -> Reply:
    """Return labels and uncertainty; status 204 if fewer than two classes have strokes."""
    project, version = request.project, request.number("version")
    step, image = max(1, request.number("step")), request.image()
    _check_ready(project)
    found = project.session.prediction(image, step, lambda: project.version == version)
    if project.version != version:
        raise Refused(409, "the strokes have changed. Reload the page.")
    if found is None:
        return Reply(status=204)
    if step == 1:
        project.write_labels(image, found, version)
    return Reply(found.labels.tobytes() + found.uncertainty.tobytes())


def suggestion(request: Request) -> Reply:
    """Return the region to label next; status 204 if there is none."""
    _check_ready(request.project)
    region = request.project.session.suggestion(request.number("rank"))
    return Reply(status=204) if region is None else _json(region._asdict())


def export(request: Request) -> Reply:
    """Write the maps of all images and the model into the folder."""
    request.read(0)
    _check_ready(request.project)
    written = request.project.export()
    folder = request.project.folder.path
    return _json(
        {
            "folder": str(folder.resolve()),
            "files": [path.relative_to(folder).as_posix() for path in written],
        }
    )


def download_labels(request: Request) -> Reply:
    """Return the label map of an image."""
    return _map(request, "labels", _prediction(request).labels)


def download_uncertainty(request: Request) -> Reply:
    """Return the uncertainty of an image, from 0 to 255."""
    return _map(request, "uncertainty", _prediction(request).uncertainty)


def download_probabilities(request: Request) -> Reply:
    """Return the probabilities (H, W, n_classes) of an image."""
    _prediction(request)
    found = request.project.session.probabilities(request.image())
    return Reply(npy(np.asarray(found)), name=_file_name(request, "probabilities", "npy"))


def download_strokes(request: Request) -> Reply:
    """Return the strokes of an image."""
    return _map(request, "strokes", request.project.session.strokes[request.image()])


def download_model(request: Request) -> Reply:
    """Return a fitted AESegmenter."""
    model = request.project.session.model()
    with tempfile.TemporaryDirectory() as folder:
        save(model, Path(folder) / MODEL)
        return Reply((Path(folder) / MODEL).read_bytes(), name=MODEL)


def download_classes(request: Request) -> Reply:
    """Return numbers, names and colors of the classes."""
    rows = [c._asdict() for c in request.project.state.classes]
    return Reply(json.dumps(rows, indent=1).encode(), JSON, "classes.json")


ROUTES: dict[tuple[str, str], Callable[[Request], Reply]] = {
    **{("GET", name): page for name in PAGE},
    ("GET", "state"): state,
    ("GET", "picture"): picture,
    ("GET", "values"): values,
    ("GET", "thumbnail"): small,
    ("GET", "strokes"): strokes,
    ("GET", "view"): view,
    ("GET", "suggestion"): suggestion,
    ("GET", "download/labels"): download_labels,
    ("GET", "download/uncertainty"): download_uncertainty,
    ("GET", "download/probabilities"): download_probabilities,
    ("GET", "download/strokes"): download_strokes,
    ("GET", "download/model"): download_model,
    ("GET", "download/classes"): download_classes,
    ("POST", "strokes"): paint,
    ("POST", "classes"): classes,
    ("POST", "undo"): undo,
    ("POST", "redo"): redo,
    ("POST", "export"): export,
}


def _edited(project: AnnotationProject) -> dict[str, Any]:
    """Return what an edit may change, besides strokes."""
    now = project.state
    return {
        "version": project.version,
        "classes": [{**c._asdict(), "visible": c.number not in now.hidden} for c in now.classes],
        "n_strokes": [project.n_strokes(i) for i in range(len(project.images))],
        "undo": len(now.history.done),
        "redo": len(now.history.undone),
    }


def _check_ready(project: AnnotationProject) -> None:
    if not project.session.ready:
        raise Refused(503, "the images are not encoded yet.")


def _prediction(request: Request) -> Any:
    session = request.project.session
    found = session.prediction(request.image()) if session.ready else None
    if found is None:
        raise Refused(409, "draw strokes of two classes first.")
    return found


def _map(request: Request, what: str, values: np.ndarray) -> Reply:
    """Return a map in the requested format."""
    suffix = request.text("as", "png")
    name = _file_name(request, what, suffix)
    if suffix == "npy":
        return Reply(npy(values), name=name)
    if suffix != "png":
        raise Refused(400, "as must be png or npy.")
    table = palette(request.project.state.classes)
    content = plain_png(values) if what == "uncertainty" else png(values, table)
    return Reply(content, "image/png", name)


def _file_name(request: Request, what: str, suffix: str) -> str:
    return f"{request.project.folder.keys[request.image()]}-{what}.{suffix}"


def _json(value: Any) -> Reply:
    return Reply(json.dumps(value).encode(), JSON)
