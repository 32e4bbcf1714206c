"""`segae annotate`: a page to scribble on, in the browser of the person at this machine."""

from __future__ import annotations

import os
import webbrowser
from enum import StrEnum
from typing import Annotated

import typer

from ..segmentation._estimators import ESTIMATORS
from ..storage._files import read_image
from ._paths import expand

HELP = """Scribble on images in the browser, and see the segmentation follow every stroke.

Examples:

  segae annotate photo.jpg

  segae annotate tiles/*.png --classes "sky,wood,road"

  segae annotate photo.jpg --labels photo-strokes.png

The page is served to this machine alone. Label maps, strokes and the fitted model are downloaded \
from it; Ctrl-C ends it. Several images share one model.
"""


Classifier = StrEnum(  # type: ignore[misc]
    "Classifier", [name for name, row in ESTIMATORS.items() if row.is_classifier]
)


def annotate(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE", show_default=False, help="Images: files, folders, 'globs*'."
        ),
    ],
    labels: Annotated[
        list[str],
        typer.Option(
            metavar="STROKES...",
            show_default=False,
            help="Strokes to go on from, 0 for none; one file for each image, in order.",
        ),
    ] = [],  # noqa: B006 a list has to have a list as its default
    classes: Annotated[
        str, typer.Option(help="Names of the classes, with commas between them.")
    ] = "class 1,class 2",
    estimator: Annotated[
        Classifier,
        typer.Option(
            metavar="NAME",
            help=f"{', '.join(Classifier)}; models of a head, a small network, need no trust.",
        ),
    ] = Classifier("trees"),  # noqa: B008
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    seed: Annotated[int, typer.Option(help="Equal seeds and strokes, equal labels.")] = 0,
) -> None:
    """Serve the page until Ctrl-C."""
    images = expand(inputs)
    pictures = [read_image(path) for path in images]
    strokes = [read_image(path) for path in expand(labels)] if labels else None
    # Imported here: torch takes seconds, and `segae --help` should not.
    from ..annotate._server import AnnotationServer
    from ..annotate._session import AnnotationSession

    names = [name.strip() for name in classes.split(",")]
    session = AnnotationSession(
        pictures, strokes, names=names, classifier=estimator.value, random_state=seed
    )
    with AnnotationServer(session, [path.name for path in images], port) as server:
        server.encode()
        print(f"{server.url}\nOnly this machine can open it. Ctrl-C ends it.", flush=True)
        if browser:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("\nended", flush=True)
            # Threads are still at work, and torch aborts where the interpreter ends under one.
            # The page keeps nothing that would be lost.
            os._exit(0)
