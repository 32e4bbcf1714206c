"""Save fitted estimators as data, not code, and load them without trusting the file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._compat import require
from ..autoencoder._autoencoder_transformer import AutoencoderTransformer
from ..encoding._pixel_encoder import PixelEncoder
from ..segmentation._segmenter import AESegmenter
from ..segmentation._unet_classifier import UNetClassifier
from ..storage._files import to_path, written_whole
from ._archive import MAX_JSON, dump_json, load_json, read_archive, write_archive
from ._load_checks import run_by_torch, smoke_test
from ._onnx import autoencoder_graph, encoder_graph, register
from ._onnx_segmenter import segmenter_graph, unet_graph
from ._schema import CLASSES
from ._serialization import Reader, Writer
from ._skops import dump_sklearn, load_foreign
from ._trusted import trusted_types

MODEL, ARRAYS = "model.json", "arrays.safetensors"


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Save an estimator, fitted or not, as one file of plain data.

    Parameters
    ----------
    estimator : estimator
        An estimator of this package or of scikit-learn, including pipelines of both.
    path : path-like
        Path of the file, by convention with the suffix ".segae". An existing file is replaced
        atomically.

    Raises
    ------
    ValueError
        If the estimator has functions, modules or callbacks of your own, which are code. Use pickle
        or joblib for these.
    ImportError
        Without `safetensors`, or without `skops` for models with scikit-learn objects.

    See Also
    --------
    load : Load the file.

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
    """Load an estimator from a file written by `save`, onto the CPU.

    On the same machine, codes and labels are bitwise equal. A :class:`~sklearn_segae.PixelEncoder`
    has `memory=None`, since caches hold pickles. Training continues with the same
    weights and losses, but a new optimizer, as the file does not contain its state.

    The file contains no code, and loading takes at most a few times its size of memory, even for a
    malicious file. Only objects of classes of this package, of scikit-learn classes that skops
    trusts, and of its splitters, metrics, scorers and decision trees, are created. The nodes of
    decision trees are checked. Checksums detect damage, but do not authenticate the file.

    Parameters
    ----------
    path : path-like
    trusted : sequence of str or type, default=()
        Further types that the model may contain, such as "mymodule.MyClusterer". They are imported
        and instantiated, so pass only types whose code you trust. Decision trees of types that are
        in this list are not checked.

    Returns
    -------
    estimator : estimator

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If the file is damaged, of another version or format, or contains other types.
    ImportError
        As in `save`, and without the weights of pretrained features.
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
    except Exception as error:  # for invalid records in valid JSON
        raise ValueError(f"{path}: not valid ({type(error).__name__}: {error}).") from error


def export_onnx(
    estimator: AutoencoderTransformer | PixelEncoder | AESegmenter | UNetClassifier,
    path: str | os.PathLike[str],
    *,
    part: str = "encode",
) -> None:
    """Export a fitted estimator as an ONNX graph, which other programs can run.

    Parameters
    ----------
    estimator : AutoencoderTransformer, PixelEncoder, AESegmenter or UNetClassifier
        A fitted estimator. The graph of a :class:`~sklearn_segae.PixelEncoder` maps "images"
        (n, H, W, C) to "codes" (n, H, W, k), for any n, H and W, including scaling, borders,
        pooling and projection, or rows "X" (n, n_features) if it was fitted to rows. That of an
        :class:`~sklearn_segae.AutoencoderTransformer` maps "X" (n, ...) to "codes"
        (n, n_components). That of a :class:`~sklearn_segae.UNetClassifier`, or of an
        :class:`~sklearn_segae.AESegmenter` with one, maps "images" to "labels" (n, H, W), int32,
        and "probabilities" (n, H, W, k), including the normalization. All others are float32.
    path : path-like
        Path of the file, usually with the suffix ".onnx".
    part : {"encode", "decode"}, default="encode"
        "decode" maps "codes" to "X", only for an :class:`~sklearn_segae.AutoencoderTransformer`.

    Raises
    ------
    ImportError
        Without `onnx`.

    Notes
    -----
    Results of onnxruntime and `transform` agree to 1e-5, or to about 1e-4 for codes of features
    "multiscale", whose widest curvatures are small differences of pixels. The graph processes whole
    images: split large ones into overlapping tiles. A segmenter with `normalize_="image"` scales
    each of its input images from its own range, and images of more than 16 million pixels from that
    of all pixels, not of a sample as `predict`.
    """
    if part not in ("encode", "decode"):
        raise ValueError(f"part={part!r} is not known. Pass 'encode' or 'decode'.")
    check_is_fitted(estimator)
    if isinstance(estimator, AutoencoderTransformer):
        graph = autoencoder_graph(estimator, part)
    elif isinstance(estimator, tuple(GRAPHS)) and part == "encode":
        graph = next(make(estimator) for cls, make in GRAPHS.items() if isinstance(estimator, cls))
    else:
        raise ValueError(
            f"estimator={estimator!r:.100} has no graph for part={part!r}. Pass an "
            "AutoencoderTransformer, or with part='encode' a PixelEncoder, a UNetClassifier, or an "
            "AESegmenter with estimator='unet'."
        )
    with written_whole(to_path(path)) as partial:
        partial.write_bytes(graph)


GRAPHS: dict[type, Callable[[Any], bytes]] = {
    PixelEncoder: encoder_graph,
    AESegmenter: segmenter_graph,
    UNetClassifier: unet_graph,
}


def register_onnx_converters() -> None:
    """Register the converter of AutoencoderTransformer with skl2onnx.

    Call it once before `skl2onnx.to_onnx`. Rows, images and signals must be float32.

    Raises
    ------
    ImportError
        Without `skl2onnx`.
    """
    register()


def _rebuild(members: dict[str, bytes], safetensors: Any, trusted: Iterable[Any]) -> Any:
    model = load_json(members.pop(MODEL), MODEL)
    arrays = members.pop(ARRAYS)
    parts = [members.pop(_part_name(i)) for i in range(len(members))]
    ours = [f"{cls.__module__}.{cls.__qualname__}" for cls in CLASSES.values()]
    foreign = load_foreign(parts, [*ours, *trusted_types()], trusted)  # first: it checks types
    reader = Reader(_read_arrays(arrays, safetensors), foreign)
    reader.read_all(model["records"])
    estimator = reader.read(model["root"])
    if not isinstance(estimator, BaseEstimator):
        raise ValueError(f"holds a {type(estimator).__name__}, which is no estimator.")
    encoders = [o for o in reader.objects if isinstance(o, PixelEncoder)]
    for encoder in encoders:  # a cache holds pickles, and its place is the file's choice
        encoder.memory = None
    with run_by_torch(encoders):
        smoke_test(estimator)
    return estimator


def _read_arrays(content: bytes, safetensors: Any) -> dict[str, np.ndarray]:
    if int.from_bytes(content[:8], "little") > min(MAX_JSON, len(content)):
        raise ValueError(f"the header of {ARRAYS} claims more bytes than it can have.")
    return safetensors.load(content)


def _part_name(index: int) -> str:
    return f"part_{index}.skops"
