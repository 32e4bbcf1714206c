"""The folder of an annotation: strokes, classes and history on disk after every edit."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..storage._files import written_whole
from ..storage._formats import split
from ..storage._label_files import read_labels
from ._classes import LabelClass, palette, parse_classes
from ._history import History
from ._images import ImageFile, choose_keys
from ._maps import png

FILE = "annotation.json"
STROKES = "strokes"  # the folder in it
FORMAT = 1


@dataclass(frozen=True)
class State:
    """What is saved besides strokes. It is replaced by every edit, and not changed."""

    classes: Sequence[LabelClass]
    hidden: frozenset[int] = frozenset()  # numbers of classes that the page does not show
    history: History = field(default_factory=History)
    n_strokes: Mapping[str, int] = field(default_factory=dict)  # by the key of the image


class AnnotationFolder:
    """Read and write the files of an annotation.

    The folder is new, empty, or has an annotation of some of the images. `keys` are the names of
    the images in it, without suffix.
    """

    def __init__(self, path: Path, images: Sequence[ImageFile]) -> None:
        self.path = path
        self._file = path / FILE
        self._images = images
        self._content = self._read() if self._file.exists() else {"images": []}
        if not self._file.exists() and path.exists():
            _check_is_empty(path)
        self._seen = self._stamp()
        self.keys = self._match()

    @property
    def is_new(self) -> bool:
        """Whether nothing has been saved in the folder."""
        return self._seen is None

    def load(self) -> tuple[State, list[np.ndarray]]:
        """Return what was saved, with the strokes of all images."""
        try:
            content = self._content
            history = History.from_json(content["history"])
            hidden = frozenset(c["number"] for c in content["classes"] if not c["visible"])
            n_strokes = {row["key"]: int(row["n_strokes"]) for row in content["images"]}
            state = State(parse_classes(content["classes"]), hidden, history, n_strokes)
            return state, self._strokes(history)
        except (KeyError, TypeError, AttributeError, ValueError, zlib.error) as error:
            raise ValueError(f"{self._damaged} ({error!r:.80})") from error

    def save(self, state: State, strokes: Mapping[str, np.ndarray]) -> None:
        """Write the state, and the strokes that have changed, of which the keys are given.

        The state is replaced first. If the process ends before the strokes are replaced, `load`
        completes them from the history.
        """
        (self.path / STROKES).mkdir(parents=True, exist_ok=True)
        if self._stamp() != self._seen:
            raise ValueError(
                f"{self._file}: was changed by another program, so that nothing was saved. End "
                "that program, and start `segae annotate` again."
            )
        colors = palette(state.classes)
        with ExitStack() as stack:
            for key, array in strokes.items():
                partial = stack.enter_context(written_whole(self.strokes_file(key)))
                partial.write_bytes(png(array, colors))
            stack.enter_context(written_whole(self._file)).write_text(self._json(state))
        self._seen = self._stamp()

    def write(self, name: str, content: bytes) -> Path:
        """Write a further file, completely or not at all, and return its path."""
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        with written_whole(path) as partial:
            partial.write_bytes(content)
        return path

    def summary(self) -> str:
        """Return what is in the folder, such as "annotation.json, strokes/ (2 files)"."""
        found = sorted(path for path in self.path.iterdir() if not path.name.startswith("."))
        return ", ".join(
            f"{path.name}/ ({len(list(path.iterdir()))} files)" if path.is_dir() else path.name
            for path in found
        )

    def strokes_file(self, key: str) -> Path:
        """Return the path of the strokes of an image."""
        return self.path / STROKES / f"{key}.png"

    @property
    def _damaged(self) -> str:
        return (
            f"{self._file}: is not a file of `segae annotate`, or is damaged. Pass another folder "
            "as -o, and the strokes in this one as --labels."
        )

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._file.read_text(encoding="utf-8"))
            if content["format"] == FORMAT:
                return dict(content)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(self._damaged) from error
        raise ValueError(
            f"{self._file}: has format {content['format']!r:.20}, but this version reads {FORMAT}. "
            "Update sklearn-segae, or pass another folder as -o."
        )

    def _match(self) -> list[str]:
        """Return the keys of the images: those in the file, and new ones."""
        names = [(self._relative(image.path), image.page) for image in self._images]
        try:
            saved = {(row["file"], row["page"]): row for row in self._content["images"]}
            self._check_all_given(saved, names)
            for image, name in zip(self._images, names, strict=True):
                if name in saved:
                    self._check_size(image, saved[name])
            taken = {name: row["key"] for name, row in saved.items()}
            are_names = all(Path(key).name == key for key in taken.values())
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(self._damaged) from error
        if not are_names or len(set(taken.values())) < len(taken):
            raise ValueError(self._damaged)
        new = [i for i, name in zip(self._images, names, strict=True) if name not in taken]
        keys = iter(choose_keys(new, list(taken.values())))
        return [taken[name] if name in taken else next(keys) for name in names]

    def _check_all_given(self, saved: Mapping[Any, Any], names: Sequence[Any]) -> None:
        missing = [file for file, page in saved if (file, page) not in names]
        if missing:
            raise ValueError(
                f"{self.path}: holds strokes on {missing[0]}, which is not among the images. Pass "
                "the same images again, and more if you like; or another folder as -o, with "
                "strokes of this one as --labels."
            )

    def _check_size(self, image: ImageFile, row: Mapping[str, Any]) -> None:
        height, width = image.pixels.shape[:2]
        if (height, width) != (row["height"], row["width"]):
            raise ValueError(
                f"{image.name}: has {height} x {width} pixels, but the strokes in {self.path} were "
                f"drawn on {row['height']} x {row['width']}. Pass the image of that time, or "
                "another folder as -o."
            )

    def _strokes(self, history: History) -> list[np.ndarray]:
        """Return the strokes on disk, completed to the state of the history."""
        arrays = {key: self._read_strokes(key, i) for key, i in self._items()}
        for edit in (*history.done, *history.undone):
            for patch in edit.patches:
                patch.check(arrays[patch.image].shape)
        for edits, side in ((history.undone, "before"), (history.done, "after")):
            for patch in edits[-1].patches if edits else ():
                rows = slice(patch.top, patch.top + patch.height)
                columns = slice(patch.left, patch.left + patch.width)
                arrays[patch.image][rows, columns] = patch.pixels(side)
        return list(arrays.values())

    def _read_strokes(self, key: str, image: ImageFile) -> np.ndarray:
        shape, path = image.pixels.shape[:2], self.strokes_file(key)
        if not path.exists():
            return np.zeros(shape, np.uint8)
        (strokes,) = read_labels(path)
        if strokes.shape != shape:
            raise ValueError(f"{path.name} has {strokes.shape} pixels, not {shape}")
        return strokes.astype(np.uint8)

    def _json(self, state: State) -> str:
        shown = [{**c._asdict(), "visible": c.number not in state.hidden} for c in state.classes]
        content = {
            "format": FORMAT,
            "classes": shown,
            "images": [self._row(key, image, state) for key, image in self._items()],
            "history": state.history.as_json(),
        }
        return json.dumps(content, indent=1)

    def _row(self, key: str, image: ImageFile, state: State) -> dict[str, Any]:
        height, width = image.pixels.shape[:2]
        return {
            "file": self._relative(image.path),
            "page": image.page,
            "key": key,
            "height": height,
            "width": width,
            "n_strokes": state.n_strokes.get(key, 0),
        }

    def _items(self) -> list[tuple[str, ImageFile]]:
        return list(zip(self.keys, self._images, strict=True))

    def _relative(self, path: Path) -> str:
        """Return a path from the folder, which stays right if both are moved."""
        absolute = path.resolve()
        try:
            return Path(os.path.relpath(absolute, self.path.resolve())).as_posix()
        except ValueError:  # on another drive
            return absolute.as_posix()

    def _stamp(self) -> tuple[int, int] | None:
        """Return what changes whenever the file is replaced; None without a file."""
        if not self._file.exists():
            return None
        found = self._file.stat()
        return found.st_mtime_ns, found.st_size


def _check_is_empty(path: Path) -> None:
    if not path.is_dir():
        raise NotADirectoryError(f"-o {path}: is a file. Pass a new folder.")
    if any(p for p in path.iterdir() if not p.name.startswith(".")):
        raise FileExistsError(
            f"-o {path}: holds files, but no annotation. Pass a new folder, or one of an earlier "
            "session."
        )


def default_folder(image: Path) -> Path:
    """Return the folder beside an image that is used if none is named."""
    file = split(image)[0]
    return file.with_name(f"{file.stem}-annotation")
