"""Save fitted estimators as data, not code, and load them without trusting the file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._compat import require
from ..autoencoder._autoencoder_transformer import AutoencoderTransformer
from ..encoding._pixel_encoder import PixelEncoder
from ..storage._files import to_path, written_whole
from ._archive import MAX_JSON, dump_json, load_json, read_archive, write_archive
from ._load_checks import run_by_torch, smoke_test
from ._onnx import autoencoder_graph, encoder_graph, register
from ._schema import CLASSES
from ._serialization import Reader, Writer
from ._skops import dump_sklearn, load_foreign

MODEL, ARRAYS = "model.json", "arrays.safetensors"


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Save an estimator, fitted or not, as one file of plain data.

    Parameters
    ----------
    estimator : estimator
        One of this package, or one of scikit-learn's, with ours inside or not.
    path : path-like
        Of the file; whatever the suffix, ".segae" is ours. Replaced if it is there, and only when
        the new file is complete.

    Raises
    ------
    ValueError
        For functions, modules and callbacks of your own, which are code; pickle and joblib store
        them.
    ImportError
        Without `safetensors`, or `skops` for models with parts of scikit-learn's.

    See Also
    --------
    load : What comes back, and what does not.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_segae import AutoencoderTransformer
    >>> from sklearn_segae.persistence import load, save
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = AutoencoderTransformer(10, max_epochs=1, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(autoencoder, f"{folder}/digits.segae")
    ...     again = load(f"{folder}/digits.segae")
    >>> bool((again.transform(X) == autoencoder.transform(X)).all())
    True
    """
    if not isinstance(estimator, BaseEstimator):
        raise TypeError(
            f"estimator={estimator!r:.100} is no estimator. Pass an instance, fitted or not."
        )
    safetensors = require("safetensors.numpy", "persistence")
    writer = Writer()
    root = writer.write(estimator, type(estimator).__name__)
    members = {
        MODEL: dump_json({"records": writer.records, "root": root}),
        ARRAYS: safetensors.save(writer.arrays),
        **{_part_name(i): dump_sklearn(value) for i, value in enumerate(writer.foreign)},
    }
    write_archive(to_path(path), members)


def load(path: str | os.PathLike[str], *, trusted: Iterable[str | type] = ()) -> Any:
    """Load what `save` saved, onto the CPU, wherever it was trained.

    Codes and labels are the same bits on the same machine. Training continues with the same
    weights and losses, but a new optimizer: its momenta are not in the file.

    The file holds no code, and loading takes no more memory than a few times its size, whatever
    its bytes are. Objects are made of the classes that we list, and of those of scikit-learn that
    skops trusts. Checksums detect damage, but not who wrote the file.

    Parameters
    ----------
    path : path-like
    trusted : sequence of str or type, default=()
        Further types that parts of the model may have, such as "mymodule.MyClusterer". They are
        imported, and objects of them made, so name only types whose code you know.

    Returns
    -------
    estimator : estimator

    Raises
    ------
    FileNotFoundError
        Where there is no file.
    ValueError
        For a file that is damaged, of another version, of something else, or holds other types.
    ImportError
        As `save`.
    """
    path = to_path(path)
    if isinstance(trusted, str) or not isinstance(trusted, Iterable):
        what = "a string" if isinstance(trusted, str) else "no sequence of types"
        raise TypeError(f"trusted={trusted!r} is {what}. Pass a list of them: [{trusted!r}].")
    safetensors = require("safetensors.numpy", "persistence")
    members = read_archive(path)
    try:
        return _rebuild(members, safetensors, trusted)
    except ImportError:
        raise
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    except Exception as error:  # of records that are JSON, but not ours
        raise ValueError(f"{path}: not valid ({type(error).__name__}: {error}).") from error


def export_onnx(
    estimator: AutoencoderTransformer | PixelEncoder,
    path: str | os.PathLike[str],
    *,
    part: str = "encode",
) -> None:
    """Write what a fitted estimator computes as an ONNX graph, for other programs to run.

    Parameters
    ----------
    estimator : AutoencoderTransformer or PixelEncoder
        Fitted. Of a :class:`~sklearn_segae.PixelEncoder` the graph takes "images" (n, H, W, C) and
        gives "codes" (n, H, W, k), for any n, H and W, scaling, borders, pooling and projection
        included; rows "X" (n, n_features), if it was fitted to rows. Of an
        :class:`~sklearn_segae.AutoencoderTransformer` it takes "X" (n, ...) and gives "codes"
        (n, n_components). All float32.
    path : path-like
        Of the file, usually with the suffix ".onnx".
    part : {"encode", "decode"}, default="encode"
        "decode" maps "codes" to "X"; for an :class:`~sklearn_segae.AutoencoderTransformer` only.

    Raises
    ------
    ImportError
        Without `onnx`.

    Notes
    -----
    onnxruntime agrees with `transform` to 1e-5, codes of features "multiscale" excepted: their
    widest curvatures are small differences of pixels, where rounding shows up to some 1e-4.
    A whole image is computed at once: cut large ones into tiles that overlap.
    """
    if part not in ("encode", "decode"):
        raise ValueError(f"part={part!r} is not known. Pass 'encode' or 'decode'.")
    check_is_fitted(estimator)
    if isinstance(estimator, AutoencoderTransformer):
        graph = autoencoder_graph(estimator, part)
    elif isinstance(estimator, PixelEncoder) and part == "encode":
        graph = encoder_graph(estimator)
    else:
        raise ValueError(
            f"estimator={estimator!r:.100} has no graph for part={part!r}. Pass an "
            "AutoencoderTransformer, or a PixelEncoder with part='encode'; of an AESegmenter "
            "that is its encoder_."
        )
    with written_whole(to_path(path)) as partial:
        partial.write_bytes(graph)


def register_onnx_converters() -> None:
    """Let skl2onnx convert pipelines with an AutoencoderTransformer in them.

    Call it once before `skl2onnx.to_onnx`. Rows, images and signals have to be float32.

    Raises
    ------
    ImportError
        Without `skl2onnx`.
    """
    register()


def _rebuild(members: dict[str, bytes], safetensors: Any, trusted: Iterable[Any]) -> Any:
    model = load_json(members.pop(MODEL), MODEL)
    arrays = _read_arrays(members.pop(ARRAYS), safetensors)
    parts = [members.pop(_part_name(i)) for i in range(len(members))]
    ours = [f"{cls.__module__}.{cls.__qualname__}" for cls in CLASSES.values()]
    reader = Reader(arrays, load_foreign(parts, ours, trusted))
    reader.read_all(model["records"])
    estimator = reader.read(model["root"])
    if not isinstance(estimator, BaseEstimator):
        raise ValueError(f"holds a {type(estimator).__name__}, which is no estimator.")
    with run_by_torch([o for o in reader.objects if isinstance(o, PixelEncoder)]):
        smoke_test(estimator)
    return estimator


def _read_arrays(content: bytes, safetensors: Any) -> dict[str, np.ndarray]:
    if int.from_bytes(content[:8], "little") > min(MAX_JSON, len(content)):
        raise ValueError(f"the header of {ARRAYS} claims more bytes than it can have.")
    return safetensors.load(content)


def _part_name(index: int) -> str:
    return f"part_{index}.skops"
