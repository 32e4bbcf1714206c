"""Backbone: a frozen pretrained network, read as feature maps at its strides."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from ..imaging._tiles import mirrored
from ..networks._efficientnet import OUTPUTS, efficientnet_lite0
from ..networks._pixel_autoencoder import crop

MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the RGB pixels of ImageNet
LITE0 = "efficientnet-lite0"
DETAILS = (2, 4, 8, 16)  # default strides of `LITE0`
OBJECTS = (16, 32)  # the same for clusterers, whose segments are objects
WINDOW = 224  # side in pixels of the input of networks whose features depend on all of it
PROBES, PROBE_WIDTH = (512, 2048), 64  # sizes in pixels of images to measure receptive fields
# Values per pixel of input, activations and paddings. Measured for `LITE0`: 37; VGG16 has 200.
N_NUMBERS, MOST_NUMBERS = 48, 256


class Backbone:
    """Feature maps of a frozen network at some of its strides.

    Parameters
    ----------
    network : str or torch.nn.Module
        "efficientnet-lite0", or a module that maps images (N, 3, H, W) to feature maps
        (N, C, h, w): one, a sequence, or a mapping of them, or to tokens (N, T, C) of a square
        grid, after others such as a class token.
    strides : sequence of int, default=None
        Pixels between cells of the maps that are used, in increasing order. None is all that the
        module returns, or `DETAILS`.

    Attributes
    ----------
    channels : list of int
        Number of channels at each stride.
    reach : int
        Number of pixels around a pixel that its features depend on. Networks whose features depend
        on the whole image, by attention or global pooling, run on overlapping windows of `WINDOW`
        pixels, whose central parts are used.
    grid : int
        Tiles have to begin at multiples of it, in pixels.
    """

    def __init__(self, network: Any, strides: Sequence[int] | None = None) -> None:
        if not isinstance(network, nn.Module) and network != LITE0:
            raise ValueError(
                f"backbone={network!r:.80} is not known. Pass {LITE0!r}, or a torch.nn.Module that "
                "returns feature maps, such as one of timm's with features_only=True."
            )
        self.network = network
        self.strides = self._all_strides() if strides is None else list(strides)
        self._check_strides()

    def __getstate__(self) -> dict[str, Any]:
        return {"network": self.network, "strides": self.strides}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __deepcopy__(self, memo: Any) -> Backbone:
        return self  # it is never changed

    @cached_property
    def module(self) -> Any:
        """The network in evaluation mode."""
        if isinstance(self.network, str):
            return efficientnet_lite0(tuple(self.strides))
        return self.network.eval()

    @cached_property
    def channels(self) -> list[int]:
        """Number of channels at each stride."""
        side = self.grid
        with torch.inference_mode():
            return [maps.shape[1] for maps in self.maps(torch.zeros(1, 3, side, side))]

    @property
    def is_local(self) -> bool:
        """Whether features depend on a bounded neighborhood."""
        return self._radius is not None

    @property
    def reach(self) -> int:
        """Number of pixels around a pixel that its features depend on."""
        return WINDOW if self._radius is None else self._radius

    @property
    def grid(self) -> int:
        """Distance in pixels of the possible starts of tiles."""
        return max(self.strides) if self.is_local else WINDOW - 2 * self._frame

    @property
    def n_numbers(self) -> int:
        """Number of temporary values per pixel."""
        return N_NUMBERS if isinstance(self.network, str) else MOST_NUMBERS

    def maps(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W) -> maps (N, C, H / s, W / s) for the strides s; H, W multiples of `grid`."""
        self.module.to(x.device)
        if self.is_local:
            return self._run(x)
        return self._in_windows(x)

    @cached_property
    def _radius(self) -> int | None:
        """Distance in pixels within which a pixel influences features; None is unlimited.

        NaN spreads to all features that depend on a pixel, whatever the weights are. It is placed
        in the middle of strips in both directions.
        """
        for length in PROBES:
            shapes = ((length, PROBE_WIDTH), (PROBE_WIDTH, length))
            extents = [self._extent(*shape) for shape in shapes]
            if None not in extents:
                return max(extents)  # type: ignore[type-var]
        return None

    def _extent(self, height: int, width: int) -> int | None:
        """Return that distance in images of a given size; None if it exceeds them."""
        x = torch.zeros(1, 3, height, width, device=self._device)
        x[..., height // 2, width // 2] = torch.nan
        try:
            with torch.inference_mode():
                maps = self._run(x)
        except Exception:  # of networks for one size of images
            return None
        axis, middle = (2, height // 2) if height > width else (3, width // 2)
        lines = [m.isnan().any(1).any(4 - axis)[0] for m in maps]
        if any(bool(line[0] or line[-1]) for line in lines):
            return None
        # One more cell, since maps are interpolated, and one for the position in a cell.
        pairs = zip(lines, self.strides, strict=True)
        return max(_distance(line, middle, s) + 2 * s for line, s in pairs)

    @property
    def _device(self) -> Any:
        return next(self.module.parameters(), torch.empty(0)).device

    def _run(self, x: Tensor) -> list[Tensor]:
        """Return the maps of the module at the strides."""
        if isinstance(self.network, str):
            return self.module(x)
        every = {x.shape[-1] // m.shape[-1]: m for m in _as_maps(self.module(x))}
        return [every[stride] for stride in self.strides]

    def _in_windows(self, x: Tensor) -> list[Tensor]:
        """Return maps of the central parts of windows, mirrored at the borders."""
        height, width = x.shape[-2:]
        rows, columns = (
            torch.from_numpy(mirrored(-self._frame, n + self._frame, n)) for n in (height, width)
        )
        around = x[:, :, rows][..., columns]
        parts: list[list[Tensor]] = []
        for top, left in product(range(0, height, self.grid), range(0, width, self.grid)):
            maps = self._run(around[..., top : top + WINDOW, left : left + WINDOW])
            pairs = zip(maps, self.strides, strict=True)
            parts.append([crop(m, self._frame // stride) for m, stride in pairs])
        n_columns = width // self.grid
        return [_stitched(own, n_columns) for own in zip(*parts, strict=True)]

    @property
    def _frame(self) -> int:
        """Width in pixels of the part of a window around its central part."""
        return max(self.strides) * round(WINDOW / 4 / max(self.strides))

    def _all_strides(self) -> list[int]:
        if isinstance(self.network, str):
            return list(DETAILS)
        sides = [m.shape[-1] for m in self._probe()]
        found = sorted({WINDOW // side for side in sides if WINDOW % side == 0})
        if not found:
            raise ValueError(
                f"the backbone returns maps of the sides {sides} for images of {WINDOW} pixels, "
                "which they do not divide. Pad its convolutions, so that each map has H / s rows."
            )
        return found

    def _check_strides(self) -> None:
        """Raise an error for strides that the network does not have."""
        known = list(OUTPUTS) if isinstance(self.network, str) else self._all_strides()
        if not self.strides or not set(self.strides) <= set(known):
            raise ValueError(
                f"strides={self.strides} are not among those of the backbone, {known}. Pass some "
                "of these, or strides='auto'."
            )
        if sorted(set(self.strides)) != self.strides:
            raise ValueError(f"strides={self.strides} do not increase. Sort them.")

    def _probe(self) -> list[Tensor]:
        """Return the maps of an empty image; raise an error if there are none."""
        try:
            with torch.inference_mode():
                output = self.module(torch.zeros(1, 3, WINDOW, WINDOW, device=self._device))
        except Exception as error:
            raise ValueError(
                f"backbone={type(self.network).__name__} cannot be applied to RGB images of shape "
                f"(1, 3, {WINDOW}, {WINDOW}): {error}. Pass a module that can, or wrap it in one."
            ) from error
        return _as_maps(output)


def resolve_backbone(backbone: Any, strides: Any = "auto") -> Backbone:
    """Return the backbone of the parameters of a `PixelEncoder`; a class is instantiated."""
    if isinstance(backbone, type) and issubclass(backbone, nn.Module):
        backbone = backbone()
    return Backbone(backbone, None if isinstance(strides, str) else [int(s) for s in strides])


def _as_maps(output: Any) -> list[Tensor]:
    """Return feature maps (N, C, h, w) of the output of a module."""
    output = getattr(output, "last_hidden_state", output)  # of transformers
    if isinstance(output, Mapping):
        output = list(output.values())
    if not isinstance(output, list | tuple):
        output = [output]
    shapes = [tuple(m.shape) if isinstance(m, Tensor) else type(m).__name__ for m in output]
    maps = [_as_map(m) for m in output if isinstance(m, Tensor) and m.ndim in (3, 4)]
    if not maps:
        raise ValueError(
            f"the backbone returns {shapes}, but neither feature maps (N, C, h, w) nor tokens "
            "(N, T, C). Pass a module without its classifier, such as one of timm's with "
            "features_only=True."
        )
    return maps


def _as_map(output: Tensor) -> Tensor:
    """Return tokens (N, T, C) of a square grid, which come last, as a map (N, C, h, w)."""
    if output.ndim == 4:
        return output
    side = math.isqrt(output.shape[1])
    return output[:, -side * side :].mT.unflatten(2, (side, side))


def _distance(touched: Tensor, position: int, stride: int) -> int:
    """Return the distance in pixels of the outermost cells of a mask (n,) from a position."""
    cells = touched.nonzero()
    if not len(cells):  # of networks that skip pixels
        return 0
    first, last = int(cells.min()) * stride, (int(cells.max()) + 1) * stride - 1
    return max(position - first, last - position)


def _stitched(parts: Sequence[Tensor], n_columns: int) -> Tensor:
    """Return one map of parts in the order of their rows and columns."""
    rows = [torch.cat(list(parts[i : i + n_columns]), -1) for i in range(0, len(parts), n_columns)]
    return torch.cat(rows, -2)
