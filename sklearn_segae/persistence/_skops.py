"""scikit-learn objects of a model, written and read by skops, which checks types."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Sequence
from typing import Any
from zipfile import ZipFile

import numpy as np

from .._compat import require
from ._archive import check_unpacked_size, load_json
from ._trusted import untrusted

MAX_ITEM = 2**20  # maximum number of bytes of an array item


def dump_sklearn(value: Any) -> bytes:
    """Return an object as the bytes of a skops file."""
    io_ = require("skops.io", "persistence")
    try:
        return io_.dumps(value)
    except Exception as error:  # skops raises various errors
        raise ValueError(
            f"{value!r:.100} cannot be saved ({error}). Use pickle or joblib, which trust the file "
            "they load."
        ) from error


def load_foreign(parts: Sequence[bytes], ours: Sequence[str], trusted: Iterable[Any]) -> list[Any]:
    """Return the objects; raise an error for types that are not trusted.

    Types are imported and objects created only after the types of all parts were checked. Decision
    trees are checked before anything is computed, unless their type is in `trusted`.
    """
    if not parts:
        return []
    io_ = require("skops.io", "persistence")
    trusted = list(trusted)
    given = {t if isinstance(t, str) else f"{t.__module__}.{t.__qualname__}" for t in trusted}
    unknown: set[str] = set()
    for part in parts:
        _check_unpacked_size(part)
        unknown |= set(_quietly(io_.get_untrusted_types, data=part)) - {*ours, *given}
    if unknown:
        raise untrusted(unknown, given)
    values = [_quietly(io_.loads, part, trusted=[*ours, *trusted]) for part in parts]
    # Imported here, because the modules of all decision trees take long to import.
    from ._decision_trees import check_decision_trees

    check_decision_trees(values, given)
    return values


def _quietly(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a function; raise ValueError for any error of a malformed part."""
    try:
        with warnings.catch_warnings():
            # numpy may warn about a damaged file before it raises an error.
            warnings.simplefilter("ignore")
            return function(*args, **kwargs)
    except Exception as error:
        raise ValueError(f"a part is not readable ({type(error).__name__}: {error}).") from error


def _check_unpacked_size(part: bytes) -> None:
    """Raise an error if reading a part takes more memory than its size."""
    try:
        with ZipFile(io.BytesIO(part)) as archive:
            check_unpacked_size(archive, len(part))
            load_json(archive.read("schema.json"), "schema.json")
            for name in archive.namelist():
                _check_member_size(name, archive.read(name))
    except ValueError:
        raise
    except Exception as error:  # for invalid archives
        raise ValueError(f"a part is damaged ({type(error).__name__}: {error}).") from error


def _check_member_size(name: str, content: bytes) -> None:
    if name.endswith(".npy"):
        _check_npy_header(content)
    elif content[:2] == b"PK":  # sparse matrices are archives themselves
        _check_npz_size(content)
    elif name != "schema.json":
        raise ValueError(f"a part holds {name!r:.80}, which skops does not write.")


def _check_npz_size(content: bytes) -> None:
    with ZipFile(io.BytesIO(content)) as archive:
        infos = archive.infolist()
        if sum(info.file_size for info in infos) > 1100 * len(content):  # deflate reaches 1032
            raise ValueError("a sparse matrix claims more bytes than it can have.")
        for info in infos:
            _check_npy_header(archive.read(info))


def _check_npy_header(content: bytes) -> None:
    """Raise an error if a npy file claims more items than it has, which numpy would allocate."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an array has format {version}, which numpy does not write.")
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, _, dtype = read(file)
    n_bytes = dtype.itemsize
    for side in shape:
        n_bytes *= side
    if dtype.hasobject or dtype.itemsize > MAX_ITEM or n_bytes != len(content) - file.tell():
        raise ValueError(f"an array claims {n_bytes} bytes, but {len(content)} are there.")
