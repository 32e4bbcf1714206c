"""An annotation that is on disk after every edit: its session, classes, history and folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import RLock

import numpy as np

from ..persistence._persist import save
from ._classes import LabelClass, palette
from ._folder import AnnotationFolder, State
from ._history import Edit, History, Patch
from ._images import ImageFile
from ._maps import npy, plain_png, png
from ._session import AnnotationSession, Prediction

MODEL = "model.segae"


class OutdatedError(ValueError):
    """Error of an edit that was made to an earlier version of the annotation."""


class AnnotationProject:
    """Edit an annotation. All edits can be undone, and are saved before the methods return.

    Parameters
    ----------
    session : AnnotationSession
        With the strokes of `folder`, or initial ones if it is new.
    images : sequence of ImageFile
    folder : AnnotationFolder
    state : State
        That of `folder`, or an initial one if it is new.
    """

    def __init__(
        self,
        session: AnnotationSession,
        images: Sequence[ImageFile],
        folder: AnnotationFolder,
        state: State,
    ) -> None:
        self.session, self.images, self.folder, self.state = session, images, folder, state
        self.version = 0  # incremented by every edit
        self._lock = RLock()
        self._name_classes(state.classes)
        if folder.is_new:
            drawn = {k: 1 for k, s in zip(folder.keys, session.strokes, strict=True) if s.any()}
            self.state = replace(state, n_strokes=drawn)
            folder.save(self.state, self._strokes(drawn))

    def n_strokes(self, image: int) -> int:
        """Return the number of strokes drawn on an image; 0 if none is left."""
        n_drawn = self.state.n_strokes.get(self.folder.keys[image], 0)
        return n_drawn if n_drawn and self.session.strokes[image].any() else 0

    def paint(self, version: int, image: int, top: int, left: int, patch: np.ndarray) -> None:
        """Replace strokes of an image by a patch (h, w) of numbers of classes, 0 for none."""
        with self._lock:
            self._check_version(version)
            unknown = set(np.unique(patch).tolist()) - {0, *(c.number for c in self.state.classes)}
            if unknown:
                raise ValueError(f"the patch has class {unknown.pop()}. Add this class first.")
            height, width = patch.shape
            before = self.session.strokes[image][top : top + height, left : left + width].copy()
            self.session.paint(image, top, left, patch)
            key = self.folder.keys[image]
            edit = Edit([Patch.of(key, top, left, before, patch)])
            self._commit(self.state.history.after(edit), edit, "after")

    def set_classes(self, version: int, classes: Sequence[LabelClass], hidden: set[int]) -> None:
        """Replace the classes; strokes of those that are left out are deleted."""
        with self._lock:
            self._check_version(version)
            old = self.state
            self.state = replace(old, hidden=frozenset(hidden))
            try:
                if list(classes) == list(old.classes):
                    self.folder.save(self.state, {})
                    return
                removed = {c.number for c in old.classes} - {c.number for c in classes}
                edit = Edit(list(self._without(removed)), old.classes, classes)
                self._commit(old.history.after(edit), edit, "after")
            except BaseException:
                self.state = old
                raise

    def undo(self, version: int) -> Sequence[int]:
        """Undo the last edit and return the images whose strokes it changed."""
        return self._move(version, History.undo, "before")

    def redo(self, version: int) -> Sequence[int]:
        """Redo the edit that was undone last and return the images whose strokes it changed."""
        return self._move(version, History.redo, "after")

    def write_labels(self, image: int, found: Prediction, version: int) -> None:
        """Write the label map of an image, unless there is a newer version."""
        with self._lock:
            if version == self.version:
                content = png(found.labels, palette(self.state.classes))
                self.folder.write(f"labels/{self.folder.keys[image]}.png", content)

    def finish(self) -> None:
        """Write the label maps of all images and the model; raise an error if there is none."""
        for image, found in self._predictions():
            self.write_labels(image, found, self.version)
        save(self.session.model(), self.folder.path / MODEL)

    def export(self) -> list[Path]:
        """Write label maps, probabilities and uncertainty of all images, and the model."""
        version, written = self.version, []
        for image, found in self._predictions():
            key = self.folder.keys[image]
            probabilities = self.session.probabilities(image)
            self._check_version(version)
            self.write_labels(image, found, version)
            written += [
                self.folder.path / f"labels/{key}.png",
                self.folder.write(f"uncertainty/{key}.png", plain_png(found.uncertainty)),
                self.folder.write(f"probabilities/{key}.npy", npy(np.asarray(probabilities))),
            ]
        save(self.session.model(), self.folder.path / MODEL)
        self._check_version(version)
        return [*written, self.folder.path / MODEL]

    def _predictions(self) -> Iterator[tuple[int, Prediction]]:
        if not self.session.ready:
            raise ValueError("the images are not encoded yet. Wait for the first label map.")
        for image in range(len(self.images)):
            found = self.session.prediction(image)
            if found is None:
                raise ValueError("draw strokes of two classes first.")
            yield image, found

    def _move(
        self, version: int, move: Callable[[History], tuple[History, Edit]], side: str
    ) -> Sequence[int]:
        with self._lock:
            self._check_version(version)
            history, edit = move(self.state.history)
            self._commit(history, edit, side)
            return [self.folder.keys.index(patch.image) for patch in edit.patches]

    def _commit(self, history: History, edit: Edit, side: str) -> None:
        """Apply one side of an edit and save the result, or apply the other and raise an error."""
        classes = getattr(edit, side)
        state = replace(self.state, history=history, n_strokes=self._count(edit, side))
        changed = {patch.image for patch in edit.patches}
        if classes is not None:
            state = replace(state, classes=classes)
            changed |= {key for key, n in state.n_strokes.items() if n}  # for the colors
        self._apply(edit, side)
        try:
            self.folder.save(state, self._strokes(changed))
        except BaseException:
            self._apply(edit, "before" if side == "after" else "after")
            raise
        self.state = state

    def _apply(self, edit: Edit, side: str) -> None:
        for patch in edit.patches:
            image = self.folder.keys.index(patch.image)
            self.session.paint(image, patch.top, patch.left, patch.pixels(side))
        classes = getattr(edit, side)
        if classes is not None:
            self._name_classes(classes)
        self.version += 1

    def _count(self, edit: Edit, side: str) -> dict[str, int]:
        """Return the number of strokes on every image after an edit."""
        counts, key = dict(self.state.n_strokes), edit.drawn_on
        if key is not None:
            counts[key] = max(0, counts.get(key, 0) + (1 if side == "after" else -1))
        return counts

    def _without(self, numbers: set[int]) -> Iterator[Patch]:
        """Yield patches that delete the strokes of classes."""
        for key, strokes in zip(self.folder.keys, self.session.strokes, strict=True):
            gone = np.isin(strokes, list(numbers))
            if gone.any():
                rows, columns = (np.flatnonzero(gone.any(axis)) for axis in (1, 0))
                box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
                after = np.where(gone[box], 0, strokes[box])
                yield Patch.of(key, int(rows[0]), int(columns[0]), strokes[box], after)

    def _name_classes(self, classes: Sequence[LabelClass]) -> None:
        """Name the classes of the session, which has a name for every number up to the highest."""
        names = {c.number: c.name for c in classes}
        highest = max([len(self.session.names), *names])
        self.session.rename([names.get(i, f"class {i}") for i in range(1, highest + 1)])

    def _strokes(self, keys: set[str] | dict[str, int]) -> dict[str, np.ndarray]:
        pairs = zip(self.folder.keys, self.session.strokes, strict=True)
        return {key: strokes for key, strokes in pairs if key in keys}

    def _check_version(self, version: int) -> None:
        if version != self.version:
            raise OutdatedError("the annotation has changed. Reload the page.")
