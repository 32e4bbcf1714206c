"""Options of how image files are read."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Annotated, Any

import typer

from ._options import FILES, option


def channel_numbers(text: str) -> list[int]:
    """Parse channels such as "1,3", which count from 1, to indices."""
    numbers = [int(part) if part.strip().isdecimal() else 0 for part in text.split(",")]
    if min(numbers) < 1:
        raise typer.BadParameter(f"{text!r} are no numbers of channels from 1, such as 1,3.")
    return [number - 1 for number in numbers]


def voxel_sides(text: str) -> tuple[float, ...]:
    """Parse the sides of a voxel along z, y and x, such as "2,0.5,0.5"."""
    try:
        sides = tuple(float(part) for part in text.split(","))
    except ValueError:
        sides = ()
    if len(sides) != 3 or not all(0 < side < inf for side in sides):
        raise typer.BadParameter(f"{text!r} are not the three sides of a voxel, such as 2,0.5,0.5.")
    return sides


Volume = Annotated[
    bool,
    option(
        "--volume",
        panel=FILES,
        help="The slices z are a third spatial axis; else each is an image. Files without names of "
        "axes are zyx or zyxc. The spacing is that of OME or ImageJ metadata.",
    ),
]
Spacing = Annotated[
    Any,
    option(
        panel=FILES,
        parser=voxel_sides,
        metavar="Z,Y,X",
        show_default=False,
        help="Sides of the voxels of volumes, in any unit, such as 2,0.5,0.5; implies --volume.",
    ),
]


@dataclass(frozen=True)
class Reading:
    """Options of how image files are read."""

    axes: Annotated[
        str | None,
        option(
            panel=FILES,
            metavar="AXES",
            show_default=False,
            help="A letter for every axis of the stored arrays, for files that do not name them: y "
            "rows, x columns, c channels, others pages, such as cyx or tcyx.",
        ),
    ] = None
    channels: Annotated[
        Any,
        option(
            panel=FILES,
            parser=channel_numbers,
            metavar="NUMBERS",
            show_default=False,
            help="Channels to use, from 1, such as 1,3; a model remembers them.",
        ),
    ] = None
    volume: Volume = False
    spacing: Spacing = None

    @property
    def is_volume(self) -> bool:
        """Whether files hold volumes."""
        return self.volume or self.spacing is not None
