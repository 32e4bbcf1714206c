"""Values, names and colors of classes in labels layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..imaging._label_values import are_strings, is_unlabeled
from ..imaging._rendering import colors

CLEAR = (0.0, 0.0, 0.0, 0.0)


class Classes(NamedTuple):
    """Classes of a model as values of a labels layer.

    Integer classes keep their values. Strings are numbered from 1. Pixels without data are 0, or
    -1 if 0 is a class.
    """

    labels: np.ndarray  # as the model returns them
    values: np.ndarray  # of the layer
    names: list[str]

    @classmethod
    def of_strokes(cls, names: Sequence[str], n: int) -> Classes:
        """Return classes 1 to n, the first ones with names."""
        values = np.arange(1, n + 1)
        return cls(values, values, [_named(int(v), names) for v in values])

    @classmethod
    def of_model(cls, segmenter: Any, names: Sequence[str] = ()) -> Classes:
        """Return those of a fitted segmenter; classes 1, 2, ... may have names."""
        labels = getattr(segmenter, "classes_", None)
        if labels is None:
            labels = np.arange(np.max(segmenter.n_segments_))  # a list with scope="image"
        if are_strings(labels):
            return cls(labels, np.arange(1, len(labels) + 1), [str(label) for label in labels])
        values = labels.astype(np.int64)
        return cls(labels, values, [_named(int(v), names) for v in values])

    @property
    def missing(self) -> int:
        """Value of pixels without data."""
        return -1 if (self.values <= 0).any() else 0

    @property
    def dtype(self) -> np.dtype:
        """Smallest type of all values."""
        low, high = min(self.missing, int(self.values.min())), int(self.values.max())
        return np.result_type(np.min_scalar_type(low), np.min_scalar_type(high))

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Return a label map of the model with the values of the layer."""
        unknown = is_unlabeled(labels)
        found = np.full(labels.shape, self.missing, self.dtype)
        places = np.searchsorted(self.labels, np.asarray(labels)[~unknown])
        found[~unknown] = self.values[places]
        return found

    def colors(self) -> dict[int | None, Any]:
        """Return RGBA colors by value, for a DirectLabelColormap; others are transparent."""
        first = 1 if self.missing == 0 else int(self.values.min())
        places = self.values - first
        if places.max() >= 256:  # values with wide gaps
            places = np.arange(len(places))
        palette = colors(int(places.max()) + 1) / 255
        table: dict[int | None, Any] = {None: CLEAR, self.missing: CLEAR}
        return table | {
            int(v): (*map(float, palette[i]), 1.0) for v, i in zip(self.values, places, strict=True)
        }

    def table(self) -> dict[str, list[Any]]:
        """Return the columns of the features of a layer: the value and name of each class."""
        return {
            "index": [self.missing, *self.values.tolist()],
            "class": ["none", *self.names],
        }


def _named(value: int, names: Sequence[str]) -> str:
    """Return the name of a class: the value-th one, if there is any."""
    given = names[value - 1] if 0 < value <= len(names) else ""
    return given or f"class {value}"
