"""The classes of an annotation: their numbers in label maps, names and colors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..imaging._rendering import colors
from ._session import MAX_CLASSES

MAX_NAME = 40  # characters
COLOR = re.compile(r"#[0-9a-f]{6}")


class LabelClass(NamedTuple):
    """A class: its number in label maps, from 1 on, its name, and its color, such as "#0072b2"."""

    number: int
    name: str
    color: str


def default_class(number: int, name: str = "") -> LabelClass:
    """Return a class with a name, or a default one, in the color of its number."""
    color = f"#{bytes(colors(MAX_CLASSES)[number - 1]).hex()}"
    return LabelClass(number, name.strip()[:MAX_NAME] or f"class {number}", color)


def parse_classes(rows: Any) -> list[LabelClass]:
    """Return the classes of a list of dictionaries, as read from JSON; check them."""
    if not isinstance(rows, list) or len(rows) > MAX_CLASSES:
        raise ValueError(f"classes must be a list of at most {MAX_CLASSES} classes.")
    classes = [_parse(row) for row in rows]
    if len({c.number for c in classes}) < len(classes):
        raise ValueError("two classes have the same number. Give each a number of its own.")
    return classes


def _parse(row: Any) -> LabelClass:
    if not isinstance(row, dict):
        raise ValueError(f"{row!r:.60} is not a class with a number, a name and a color.")
    number, name, color = (row.get(key) for key in ("number", "name", "color"))
    if type(number) is not int or not 1 <= number <= MAX_CLASSES:
        raise ValueError(f"number={number!r:.20} is not an integer from 1 to {MAX_CLASSES}.")
    if not isinstance(name, str):
        raise ValueError(f"name={name!r:.20} is not a string.")
    if not isinstance(color, str) or not COLOR.fullmatch(color):
        raise ValueError(f"color={color!r:.20} is not six hexadecimal digits, such as '#0072b2'.")
    return default_class(number, name)._replace(color=color)


def palette(classes: Sequence[LabelClass]) -> np.ndarray:
    """Return RGB colors (MAX_CLASSES + 1, 3) uint8 of the numbers from 0, of no class, on."""
    table = np.zeros((MAX_CLASSES + 1, 3), np.uint8)
    for number, _, color in classes:
        table[number] = list(bytes.fromhex(color[1:]))
    return table
