"""`segae annotate`: a local web page on which users label pixels by scribbling."""

from __future__ import annotations

import os
import webbrowser
from enum import StrEnum
from typing import Annotated

from ..segmentation._estimators import ESTIMATORS
from ..storage._files import read_image
from ._options import Features, Inputs, Seed, option
from ._paths import expand

HELP = """Label pixels of images by scribbling on them in the browser.

Examples:

  segae annotate photo.jpg

  segae annotate tiles/*.png --classes "sky,wood,road"

  segae annotate photo.jpg --labels photo-strokes.png

  segae annotate photo.jpg --features multiscale+pretrained

The segmentation is updated after every stroke. The page is only reachable from this machine. \
Label maps, strokes and the fitted model can be downloaded from it; Ctrl-C ends it. All images \
share one model.
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
        help="Strokes of an earlier session, 0 for none; one file for each image, in order.",
    ),
]
Classes = Annotated[str, option(help="Names of the classes, separated by commas.")]
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
    labels: Strokes = [],  # noqa: B006 a list has to have a list as its default
    classes: Classes = "class 1,class 2",
    estimator: ClassifierOption = Classifier("trees"),  # noqa: B008
    features: FeaturesOption = Features("multiscale"),  # noqa: B008
    port: Port = 0,
    browser: Annotated[bool, option(help="Open the page in the browser.")] = True,
    seed: Seed = 0,
) -> None:
    """Serve the page until Ctrl-C."""
    images = expand(inputs)
    pictures = [read_image(path) for path in images]
    strokes = [read_image(path) for path in expand(labels)] if labels else None
    # Imported here because torch takes seconds to import, and `segae --help` does not need it.
    from ..annotate._server import AnnotationServer
    from ..annotate._session import AnnotationSession
    from ..segmentation._recipe import default_encoder

    names = [name.strip() for name in classes.split(",")]
    encoder = default_encoder(True, features=features.value)
    session = AnnotationSession(
        pictures,
        strokes,
        names=names,
        encoder=encoder.set_params(features=features.value),
        classifier=estimator.value,
        random_state=seed,
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
            # Threads may still be running, and torch aborts if the interpreter ends under one.
            # The page has no state to save.
            os._exit(0)
