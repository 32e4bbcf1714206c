"""Conversion of estimators to JSON records of their attributes, and arrays, and back.

Objects are in a list, each after those that it refers to, and shared objects occur once. Only
objects of the classes in `_schema` are created; `_skops` handles those of scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from ._schema import CLASSES, LEARNT, check_state, hints_of

FOREIGN = ("sklearn", "scipy")  # libraries whose objects skops stores
PLAIN = "biuf"  # kinds of arrays of numbers


class Writer:
    """Converts objects to records.

    Attributes
    ----------
    records : list
        JSON records of all objects.
    arrays : dict of ndarray
        Arrays, by the names in the records.
    foreign : list
        scikit-learn objects, by the indices in the records.
    """

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.arrays: dict[str, np.ndarray] = {}
        self.foreign: list[Any] = []
        self.known: dict[int, int] = {}
        self.kept: list[Any] = []  # so that ids are not reused

    def write(self, value: Any, where: str) -> Any:
        """Return a value as JSON data; `where` is its path for error messages."""
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if isfinite(value) else {"float": str(value)}
        if type(value) is list:
            return [self.write(v, f"{where}[{i}]") for i, v in enumerate(value)]
        if type(value) is tuple:
            return {"tuple": [self.write(v, f"{where}[{i}]") for i, v in enumerate(value)]}
        if type(value) is dict:
            pairs = [
                [self.write(k, where), self.write(v, f"{where}.{k}")] for k, v in value.items()
            ]
            return {"dict": pairs}
        if isinstance(value, np.ndarray | np.generic):
            return self._write_array(value, where)
        return {"object": self._write_object(value, where)}

    def _write_array(self, value: Any, where: str) -> Any:
        array = np.asarray(value)
        if isinstance(value, np.ndarray) and array.ndim == 1 and _holds_strings(array):
            kind = "object" if array.dtype.kind == "O" else "str"
            return {"strings": array.tolist(), "kind": kind}
        if isinstance(value, np.str_):
            return str(value)
        _check_numbers(array, where)
        name = str(len(self.arrays))
        # The memory order is kept, because it affects the rounding of sums.
        fortran = array.flags.f_contiguous and not array.flags.c_contiguous
        self.arrays[name] = np.asarray(array.T if fortran else array, order="C")
        return {"array": name, "form": "F" if fortran else "C" if array is value else "scalar"}

    def _write_object(self, value: Any, where: str) -> int:
        if id(value) not in self.known:
            record = self._record(value, where)  # its parts come first
            self.known[id(value)] = len(self.records)
            self.kept.append(value)
            self.records.append(record)
        return self.known[id(value)]

    def _record(self, value: Any, where: str) -> Any:
        cls = type(value)
        if isinstance(value, np.random.Generator | np.random.RandomState):
            return self._random_record(value, where)
        if CLASSES.get(cls.__name__) is cls:
            return self._own_record(value, where)
        if isinstance(value, BaseEstimator) or cls.__module__.split(".")[0] in FOREIGN:
            self.foreign.append(value)
            return {"foreign": len(self.foreign) - 1}
        raise ValueError(
            f"{where}={value!r:.100} cannot be saved: a file holds data, no code, and so no "
            "functions, modules and callbacks of yours. Set it to None or to a name before saving, "
            "or use pickle or joblib, which trust the file they load."
        )

    def _own_record(self, value: Any, where: str) -> Any:
        cls = type(value)
        state = _state(value)
        for name in set(state) - set(hints_of(cls)):
            raise ValueError(
                f"{where}.{name} cannot be saved: {cls.__name__} has no attribute of that name by "
                "itself. Delete it, or use pickle or joblib."
            )
        written = {name: self.write(v, f"{where}.{name}") for name, v in state.items()}
        return {"class": cls.__name__, "state": written}

    def _random_record(self, value: Any, where: str) -> Any:
        generator = isinstance(value, np.random.Generator)
        bits = value.bit_generator if generator else value._bit_generator
        state = bits.state if generator else value.get_state(legacy=False)
        return {"random": self.write(state, where), "kind": "new" if generator else "old"}


class Reader:
    """Converts records to objects; parameters as the attributes of `Writer`."""

    def __init__(self, arrays: Mapping[str, np.ndarray], foreign: list[Any]) -> None:
        self.arrays = arrays
        self.foreign = foreign
        self.objects: list[Any] = []

    def read_all(self, records: list[Any]) -> None:
        """Create all objects."""
        for record in records:
            self.objects.append(self._make(record))

    def read(self, value: Any) -> Any:
        """Return the value that was written."""
        if isinstance(value, list):
            return [self.read(v) for v in value]
        if not isinstance(value, dict):
            return value
        readers: dict[str, Callable[..., Any]] = {
            "array": self._read_array,
            "dict": lambda pairs: {self.read(k): self.read(v) for k, v in pairs},
            "float": float,
            "object": lambda index: self.objects[_index(index)],
            "strings": _read_strings,
            "tuple": lambda items: tuple(self.read(v) for v in items),
        }
        name = next(iter(value), "")
        return readers[name](*value.values())

    def _read_array(self, name: str, form: str) -> Any:
        array = self.arrays[name]
        if not np.isfinite(array).all():
            raise ValueError(f"array {name} holds NaN or infinity.")
        return {"C": array, "F": array.T, "scalar": array[()]}[form]

    def _make(self, record: Any) -> Any:
        if "foreign" in record:
            return self.foreign[_index(record["foreign"])]
        if "random" in record:
            return _random(self.read(record["random"]), record["kind"])
        cls = CLASSES[record["class"]]
        state = {name: self.read(v) for name, v in record["state"].items()}
        check_state(cls, state)
        if issubclass(cls, tuple):
            return cls(**state)
        made: Any = cls.__new__(cls)
        if hasattr(cls, "__setstate__") and cls not in LEARNT:
            made.__setstate__(state)
        else:
            made.__dict__.update(state)
        if cls in LEARNT:
            made._validate_params()
        return made


def _state(value: Any) -> dict[str, Any]:
    """Return the attributes of an object of this package."""
    if isinstance(value, tuple):
        return value._asdict()  # type: ignore[attr-defined]
    special = "__getstate__" in vars(type(value))
    return value.__getstate__() if special else vars(value)


def _check_numbers(array: np.ndarray, where: str) -> None:
    """Raise an error for arrays that cannot be saved."""
    if array.dtype.kind not in PLAIN or array.dtype == np.longdouble:
        raise ValueError(f"{where} is an array of {array.dtype}, which cannot be saved.")
    if not np.isfinite(array).all():
        raise ValueError(f"{where} holds NaN or infinity; such a model is not worth saving.")


def _holds_strings(array: np.ndarray) -> bool:
    return array.dtype.kind == "U" or (
        array.dtype.kind == "O" and all(type(item) is str for item in array)
    )


def _read_strings(strings: list[Any], kind: str) -> np.ndarray:
    if not all(isinstance(s, str) for s in strings):
        raise ValueError("an array of strings holds other values.")
    return np.array(strings, dtype={"object": object, "str": str}[kind])


def _index(value: Any) -> int:
    """Return a nonnegative index; raise an error for other values."""
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r:.40} is not an index.")
    return value


def _random(state: Any, kind: str) -> Any:
    """Return a Generator ("new") or a RandomState ("old") with the given state."""
    if kind == "new":
        generator = np.random.Generator(np.random.PCG64(0))
        generator.bit_generator.state = state
        return generator
    old = np.random.RandomState(0)
    old.set_state(state)
    return old
