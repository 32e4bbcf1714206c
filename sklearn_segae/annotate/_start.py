"""Start an annotation, or continue the one in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..imaging._validation import check_images
from ._classes import default_class
from ._folder import AnnotationFolder, State
from ._images import read_images
from ._initial_strokes import read_strokes
from ._project import AnnotationProject
from ._session import MAX_CLASSES, AnnotationSession

DEFAULT_NAMES = ("class 1", "class 2")


def open_project(
    paths: Sequence[Path],
    folder: Path,
    *,
    labels: Sequence[Path] = (),
    names: Sequence[str] = (),
    **options: Any,
) -> tuple[AnnotationProject, list[str]]:
    """Return the annotation of image files, and notes for the user.

    Parameters
    ----------
    paths : sequence of Path
    folder : Path
        A new or empty folder, or that of an earlier session, which is continued.
    labels : sequence of Path, default=()
        Label maps with initial strokes, for a new annotation.
    names : sequence of str, default=()
        Names of the classes of a new annotation.
    **options : dict
        Parameters of AnnotationSession.
    """
    images = read_images(paths)
    check_images([image.pixels for image in images], owner="annotate")
    saved = AnnotationFolder(folder, images)
    if saved.is_new:
        state, strokes, notes = _initial(labels, names)
    else:
        (state, strokes), notes = saved.load(), _unused(folder, labels, names)
    session = AnnotationSession([image.pixels for image in images], strokes, **options)
    if saved.is_new:  # further classes occur in the strokes
        known = {c.number for c in state.classes}
        found = [default_class(i) for i in range(1, len(session.names) + 1) if i not in known]
        state = State([*state.classes, *found])
    try:
        return AnnotationProject(session, images, saved, state), notes
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"{reason}. Pass another folder as -o", str(folder)) from error


def _initial(labels: Sequence[Path], names: Sequence[str]) -> tuple[State, Any, list[str]]:
    if len(names) > MAX_CLASSES:
        raise ValueError(f"--classes: {len(names)} names, but there may be {MAX_CLASSES} classes.")
    strokes, numbers = read_strokes(labels) if labels else (None, [])
    found = [f"label {label}" for label in numbers]
    used = [*names, *found[len(names) :]] or DEFAULT_NAMES
    state = State([default_class(i, name) for i, name in enumerate(used, 1)])
    pairs = ", ".join(f"{label} is {i}" for i, label in enumerate(numbers, 1))
    return state, strokes, [f"labels became numbers of classes: {pairs}"] if pairs else []


def _unused(folder: Path, labels: Sequence[Path], names: Sequence[str]) -> list[str]:
    """Check what was passed beside an annotation that is continued."""
    if labels:
        raise ValueError(
            f"--labels: {folder} holds strokes of an earlier session. Leave --labels out to "
            "continue it, or pass a new folder as -o."
        )
    return ["the classes are those of the earlier session, not of --classes"] if names else []
