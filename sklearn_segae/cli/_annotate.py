"""`segae annotate`: a local web page on which users label pixels by scribbling."""

from __future__ import annotations

import os
import webbrowser
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ..segmentation._estimators import ESTIMATORS
from ._console import note, one_line
from ._options import Features, Inputs, Seed, option
from ._paths import expand

if TYPE_CHECKING:
    from ..annotate._project import AnnotationProject

HELP = """Label pixels of images by scribbling on them in the browser.

Examples:

  segae annotate photo.jpg

  segae annotate tiles/*.png --classes "sky,wood,road"

  segae annotate photo.jpg --labels photo-strokes.png

  segae annotate photo.jpg --features multiscale+pretrained

The segmentation is updated after every stroke. The page is only reachable from this machine. \
Every stroke is saved in the folder --out; the same command continues from there. Ctrl-C ends the \
page and writes label maps and model. All images share one model.
"""


Classifier = StrEnum(  # type: ignore[misc]
    "Classifier",
    [name for name, row in ESTIMATORS.items() if row.is_classifier and not row.is_dense],
)


Strokes = Annotated[
    list[str],
    option(
        metavar="STROKES...",
        show_default=False,
        help="Label maps with initial strokes, one for each image, in order. Unlabeled are -1 if "
        "that occurs, else 0.",
    ),
]
Classes = Annotated[
    str,
    option(show_default="class 1,class 2", help="Names of the classes, separated by commas."),
]
Out = Annotated[
    Path | None,
    option(
        "--out",
        "-o",
        metavar="FOLDER",
        show_default="NAME-annotation beside the first image, NAME",
        help="Folder of strokes, classes and label maps; one of an earlier session is continued.",
    ),
]
ClassifierOption = Annotated[
    Classifier,
    option(help="trees are faster; head is a small network."),
]
FeaturesOption = Annotated[
    Features, option(help="pretrained ones need the extra sklearn-segae\\[pretrained].")
]
Port = Annotated[int, option(min=0, max=65535, help="Port of the page; 0 takes a free one.")]


def annotate(
    inputs: Inputs,
    out: Out = None,
    labels: Strokes = [],  # noqa: B006 a list has to have a list as its default
    classes: Classes = "",
    estimator: ClassifierOption = Classifier("trees"),  # noqa: B008
    features: FeaturesOption = Features("multiscale"),  # noqa: B008
    port: Port = 0,
    browser: Annotated[bool, option(help="Open the page in the browser.")] = True,
    seed: Seed = 0,
) -> None:
    """Serve the page until Ctrl-C."""
    images = expand(inputs)
    # Imported here because torch takes seconds to import, and `segae --help` does not need it.
    from ..annotate._folder import default_folder
    from ..annotate._server import AnnotationServer
    from ..annotate._start import open_project
    from ..segmentation._recipe import default_encoder

    folder = out or default_folder(images[0])
    names = [name.strip() for name in classes.split(",")] if classes else []
    encoder = default_encoder(True, features=features.value)
    project, notes = open_project(
        images,
        folder,
        labels=expand(labels) if labels else [],
        names=names,
        encoder=encoder.set_params(features=features.value),
        classifier=estimator.value,
        random_state=seed,
    )
    for text in notes:
        note(text)
    with AnnotationServer(project, port) as server:
        server.encode()
        print(
            f"{server.url}\nOnly this machine can open it. Every stroke is saved in {folder}. "
            "Ctrl-C ends the page.",
            flush=True,
        )
        if browser:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            end(project)
            # Threads may still be running, and torch aborts if the interpreter ends under one.
            os._exit(0)


def end(project: AnnotationProject) -> None:
    """Write the label maps of all images and the model, and print what is in the folder."""
    print("\nWriting label maps and model", flush=True)
    try:
        project.finish()
    except (ValueError, OSError) as error:
        note(f"label maps and model were not written: {one_line(error)}")
    except KeyboardInterrupt:
        note("label maps and model were not written. Strokes are saved.")
    print(f"{project.folder.path}: {project.folder.summary()}", flush=True)
