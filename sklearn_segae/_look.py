"""What to look at in images, and how widely: as asked for, or as they ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ._pixel_network import PixelAutoencoder
from ._reading import Reader, TwiceRead

WIDEST_LIGHT = 32  # standard deviation in pixels over which local brightness is taken at most


class Look(NamedTuple):
    """What to look at, and how widely."""

    cue: str  # "colour", "texture", "both" or "all"
    pooling: float
    whitening: float
    light: float = 0.0  # how widely local brightness is taken away for a second look; 0: no such

    def reader(self, module: PixelAutoencoder) -> Reader:
        """Return the network, or what reads twice with it."""
        return TwiceRead(module, self.light) if self.light else module


def decide(
    cue: str,
    pooling: float | str,
    whitening: float | str,
    widest: float,
    weigh: Callable[[], str],
) -> Look:
    """Return the look that was asked for, "auto" replaced by what fits the images.

    `widest` is the pooling at which textures show; `weigh()` looks for the cue, which takes time.
    """
    if cue == "auto" and pooling != "auto":
        cue = "texture"  # with a scale of the user's own, the features of that scale are meant
    seen = cue
    if cue == "auto" or (cue == "texture" and whitening == "auto"):
        seen = weigh()
    cue = seen if cue == "auto" else cue
    if pooling == "auto":
        pooling = {"texture": widest, "all": widest, "both": widest / 2, "colour": 1}[cue]
    if whitening == "auto":  # "all" is told by labels
        whitening = 0 if cue == "texture" and seen != "texture" else 1
    # The brightness of textures is looked through, unless variance is to be kept.
    light = min(2 * float(pooling), WIDEST_LIGHT) if cue == "texture" and whitening else 0
    return Look(cue, float(pooling), float(whitening), float(light))
