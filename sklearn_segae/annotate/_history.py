"""The edits of an annotation, which can be undone and redone."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ._classes import LabelClass, parse_classes

MAX_EDITS = 200
MAX_BYTES = 2**21  # of all compressed patches; the last edit is always kept


class Patch(NamedTuple):
    """A rectangle of strokes of one image, before and after an edit."""

    image: str  # key of the image
    top: int
    left: int
    height: int
    width: int
    before: bytes  # compressed
    after: bytes

    @classmethod
    def of(cls, image: str, top: int, left: int, before: np.ndarray, after: np.ndarray) -> Patch:
        """Return the patch of two arrays (height, width) uint8."""
        height, width = before.shape
        return cls(image, top, left, height, width, _compress(before), _compress(after))

    def pixels(self, side: str) -> np.ndarray:
        """Return the strokes (height, width) "before" or "after" the edit."""
        size = self.height * self.width
        content = zlib.decompressobj().decompress(getattr(self, side), size)
        return np.frombuffer(content, np.uint8).reshape(self.height, self.width)

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise an error if the patch does not fit into an image (H, W), or is damaged."""
        if not all(type(value) is int for value in self[1:5]):
            raise ValueError(f"{self[:5]} has sides that are no integers")
        ends = self.top + self.height, self.left + self.width
        inside = ends[0] <= shape[0] and ends[1] <= shape[1]
        if not inside or min(self.top, self.left) < 0 or min(self.height, self.width) < 1:
            raise ValueError(f"{self[:5]} does not fit into {shape[0]} x {shape[1]} pixels")
        self.pixels("before"), self.pixels("after")


class Edit(NamedTuple):
    """Patches of strokes, and all classes before and after; None if these stay as they are."""

    patches: Sequence[Patch]
    before: Sequence[LabelClass] | None = None
    after: Sequence[LabelClass] | None = None

    @property
    def drawn_on(self) -> str | None:
        """The image on which the edit has drawn a stroke; None if it only took strokes away."""
        if self.after is not None:
            return None
        (patch,) = self.patches
        after = patch.pixels("after")
        return patch.image if ((after != patch.pixels("before")) & (after > 0)).any() else None


@dataclass
class History:
    """Edits that can be undone, the latest last, and those that can be redone, the next one last.

    The number of edits and their size are bounded; the oldest are dropped.
    """

    done: list[Edit] = field(default_factory=list)
    undone: list[Edit] = field(default_factory=list)

    def after(self, edit: Edit) -> History:
        """Return the history after a further edit."""
        done = [*self.done, edit][-MAX_EDITS:]
        sizes = np.cumsum([_size(e) for e in reversed(done)])
        n_kept = max(1, int(np.searchsorted(sizes, MAX_BYTES, side="right")))
        return History(done[-n_kept:], [])

    def undo(self) -> tuple[History, Edit]:
        """Return the history before the last edit, and that edit."""
        if not self.done:
            raise ValueError("there is nothing to undo.")
        return History(self.done[:-1], [*self.undone, self.done[-1]]), self.done[-1]

    def redo(self) -> tuple[History, Edit]:
        """Return the history after the edit that was undone last, and that edit."""
        if not self.undone:
            raise ValueError("there is nothing to redo.")
        return History([*self.done, self.undone[-1]], self.undone[:-1]), self.undone[-1]

    def as_json(self) -> dict[str, Any]:
        """Return the history as dictionaries, lists, strings and integers."""
        return {name: [_edit_json(e) for e in getattr(self, name)] for name in ("done", "undone")}

    @classmethod
    def from_json(cls, value: Any) -> History:
        """Return the history that `as_json` described."""
        return cls(*([_edit(row) for row in value[name]] for name in ("done", "undone")))


def _compress(pixels: np.ndarray) -> bytes:
    return zlib.compress(np.ascontiguousarray(pixels, np.uint8).tobytes(), 1)


def _size(edit: Edit) -> int:
    return sum(len(p.before) + len(p.after) for p in edit.patches)


def _edit_json(edit: Edit) -> dict[str, Any]:
    patches = [
        {
            **patch._asdict(),
            "before": b64encode(patch.before).decode(),
            "after": b64encode(patch.after).decode(),
        }
        for patch in edit.patches
    ]
    sides = {name: getattr(edit, name) for name in ("before", "after")}
    changed = {
        name: [c._asdict() for c in side] for name, side in sides.items() if side is not None
    }
    return {"patches": patches, **changed}


def _edit(row: Any) -> Edit:
    patches = [
        Patch(**{**p, "before": b64decode(p["before"]), "after": b64decode(p["after"])})
        for p in row["patches"]
    ]
    if "after" in row:
        return Edit(patches, parse_classes(row["before"]), parse_classes(row["after"]))
    if len(patches) != 1:
        raise ValueError(f"a stroke has {len(patches)} patches, not one")
    return Edit(patches)
