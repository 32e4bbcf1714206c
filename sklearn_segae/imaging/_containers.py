"""Arrays of other libraries: torch, PIL, pandas, xarray and dask, recognized without an import.

`unpack` is called once on the way in. Named axes of xarray are put in order; `NamedAxes` puts maps
back into arrays with the same coordinates on the way out.
"""

from __future__ import annotations

from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from ._axes import from_names

# Attributes that say how the values of an image were encoded, which labels and codes are not.
OF_VALUES = {"_FillValue", "missing_value", "nodata", "nodatavals", "scale_factor", "add_offset"}
OF_VALUES |= {"valid_min", "valid_max", "valid_range", "scales", "offsets", "units", "long_name"}
CHANNELS = "component"  # the name of the channels of maps, if the image has none


class NamedAxes(NamedTuple):
    """The axes of an xarray.DataArray: an image, or a stack of images.

    `labels` has the axes and coordinates of its label maps, and `channel` is the name of the axis
    of channels.
    """

    labels: Any  # DataArray of shape ([n,] H, W)
    channel: str | None
    order: tuple[str, ...]  # names of the axes of the given array
    n_axes: int  # of an image

    @property
    def is_stack(self) -> bool:
        """Whether there is an axis of images."""
        return self.labels.ndim > self.n_axes

    def wrap(self, maps: Any) -> Any:
        """Return maps ([n,] H, W[, k]) with the coordinates, and with axes in the given order."""
        names = [*self.labels.dims]
        if maps.ndim > len(names):
            names.append(self.channel or CHANNELS)
        attrs = {k: v for k, v in self.labels.attrs.items() if k not in OF_VALUES}
        named = type(self.labels)(maps, dims=names, coords=self.labels.coords, attrs=attrs)
        if "grid_mapping" in self.labels.encoding:  # names the coordinate of the CRS
            named.encoding["grid_mapping"] = self.labels.encoding["grid_mapping"]
        return named.transpose(*(name for name in self.order if name in names), ...)


def wrap(axes: Any, maps: Any) -> Any:
    """Return a stack or list of maps with named axes, as `unpack` returned them."""
    if isinstance(axes, list):
        pairs = zip(axes, maps, strict=True)
        return [m if named is None else named.wrap(m) for named, m in pairs]
    return axes.wrap(maps if axes.is_stack else maps[0])


def check_array_like(value: Any, name: str) -> None:
    """Raise an error for None, paths, and tensors that numpy cannot read."""
    first = value[0] if isinstance(value, list | tuple) and value else value
    if first is None or isinstance(first, str | bytes | PathLike):
        raise TypeError(
            f"{name}={value!r:.60} holds no numbers. Pass an array; read files first, for instance "
            "with imageio.v3.imread or numpy.load."
        )
    for part in value if isinstance(value, list | tuple) else [value]:
        # Rows (n_samples, n_features) are read completely, whatever their number.
        shape, n_row_axes = getattr(part, "shape", ()), 1 if part is not value else 2
        if len(shape) > n_row_axes and any(size != size for size in shape):
            raise ValueError(
                f"{name} holds a dask array of unknown shape {shape}. Call its method "
                "compute_chunk_sizes() first, which computes it once."
            )
    if getattr(first, "requires_grad", False) or getattr(first, "is_cuda", False):
        raise TypeError(
            f"{name} is a tensor on a GPU or with gradients, which numpy cannot read. Pass "
            f"{name}.detach().cpu()."
        )


def unpack(X: Any, n_axes: int = 2) -> tuple[Any, Any]:
    """Return X as rows, a stack, or a list of arrays, and the `NamedAxes` of X, if any.

    Those of a list are a list, with None for images without names. Images have `n_axes` spatial
    axes.
    """
    check_array_like(X, "X")
    if isinstance(X, list | tuple):
        if not any(map(_is_foreign, X)):
            return X, None
        parts = [_image(image, n_axes) for image in X]
        axes = [own for _, own in parts]
        for i, own in enumerate(axes):
            if own is not None and own.is_stack:
                raise ValueError(
                    f"X[{i}] has the dimensions {own.order}, which are several images, but a list "
                    f"holds single ones. Pass X[{i}] itself, or rename its channels to 'band'."
                )
        return [image for image, _ in parts], axes if any(axes) else None
    if _is_picture(X):
        raise TypeError(
            f"X={X!r:.60} is one picture, but a stack or a list of images is needed. Pass [X]."
        )
    if _is_sequence_of_images(X):
        return unpack(list(X), n_axes)
    if hasattr(X, "data_vars"):
        raise TypeError(
            f"X is a {type(X).__name__} with the variables {list(X.data_vars)}. Pass one of them, "
            "or X.to_dataarray() if they are channels."
        )
    if not _has_names(X):
        return _as_numbers(X, 3), None
    array, named = _image(X, n_axes)
    return (array[None] if named and not named.is_stack else array), named


def to_array(x: Any) -> np.ndarray:
    """Return the values of any array, of one image or label map; masked arrays stay masked."""
    if isinstance(x, np.ma.MaskedArray):
        return x
    if _has_names(x):
        n_axes = 2 + ("Z" in from_names(x.dims))  # of one label map
        return np.asarray(_without_channel(*_image(x, n_axes)))
    try:
        return np.asarray(x)
    except TypeError as error:
        if not _is_tensor(x):
            raise
        raise TypeError(f"numpy has no {x.dtype}. Pass the tensor as floats: x.float().") from error


def to_maps(y: Any, n_axes: int = 2) -> Any:
    """Return a list of label maps, or what can be iterated over for them."""
    if _has_names(y):
        array, named = _image(y, n_axes)
        array = _without_channel(array, named)
        return array if named is None or named.is_stack else [array]
    return list(y) if _is_sequence_of_images(y) else y


def _without_channel(labels: Any, named: NamedAxes | None) -> Any:
    """Return a label map without its only channel, which rioxarray reads."""
    only = named is not None and named.channel is not None and labels.shape[-1] == 1
    return labels[..., 0] if only else labels


def _image(x: Any, n_axes: int = 2) -> tuple[Any, NamedAxes | None]:
    """Return the values of one image, ([D,] H, W[, C]), and its named axes, if any."""
    if _is_picture(x):
        return _pixels(x), None
    if not _has_names(x):
        return _as_numbers(x, 2), None
    letters = from_names(x.dims)
    if not letters:
        return x.data, None
    names = dict(zip(letters, x.dims, strict=True))
    channel, spatial = names.get("C"), "ZYX"[-n_axes:]
    if not set(spatial) <= set(names):
        raise ValueError(
            f"X has the dimensions {x.dims}, but spacing says that there are volumes, which need "
            "z ('z', 'depth' or 'level'), too. Rename one, or pass spacing=None for images."
        )
    pages = [name for letter, name in names.items() if letter not in (*spatial, "C")]
    if len(pages) > 1:
        raise ValueError(
            f"X has the dimensions {x.dims}, but images have rows, columns, channels ('band', say) "
            "and one other dimension at most, that of a stack. Select or stack some, for instance "
            f"X.stack(image={pages})."
        )
    order = [*pages, *(names[letter] for letter in spatial)]
    labels = x if channel is None else x.isel({channel: 0}, drop=True)
    ordered = x.transpose(*order, *([] if channel is None else [channel]))
    return ordered.data, NamedAxes(labels.transpose(*order), channel, x.dims, n_axes)


def _pixels(picture: Any) -> np.ndarray:
    """Return the pixels of a PIL image as readers of files do: palettes and inks as RGB."""
    if picture.mode in ("P", "PA", "CMYK", "RGBA", "RGBX"):
        picture = picture.convert("RGB")
    elif picture.mode in ("LA", "La"):
        picture = picture.convert("L")
    return np.asarray(picture)


def _is_foreign(x: Any) -> bool:
    return _is_picture(x) or _is_tensor(x) or _has_names(x) or _is_numbers(x, 2)


def _is_picture(x: Any) -> bool:
    return hasattr(x, "getbands") and hasattr(x, "mode") and hasattr(x, "convert")


def _is_tensor(x: Any) -> bool:
    return hasattr(x, "detach") and hasattr(x, "numpy")


def _has_names(x: Any) -> bool:
    return hasattr(x, "dims") and hasattr(x, "coords") and hasattr(x, "isel")


def _as_numbers(x: Any, n_axes: int) -> Any:
    """Return tensors, and objects that are numbers, as arrays of numbers; others unchanged."""
    if _is_numbers(x, n_axes):
        return np.array(x.tolist())
    return to_array(x) if _is_tensor(x) else x


def _is_numbers(x: Any, n_axes: int) -> bool:
    """Return whether x is an array of Python objects with at least `n_axes` axes, of numbers."""
    if not isinstance(x, np.ndarray) or x.dtype.kind != "O" or x.ndim < n_axes or x.size == 0:
        return False
    return isinstance(x.flat[0], int | float | np.number)


def _is_sequence_of_images(x: Any) -> bool:
    """Return whether a Series, or an array of objects, holds arrays."""
    holds_objects = getattr(getattr(x, "dtype", None), "kind", "") == "O"
    if not holds_objects or getattr(x, "ndim", 0) != 1 or len(x) == 0:
        return False
    first = next(iter(x))
    return _is_picture(first) or np.ndim(first) >= 2
