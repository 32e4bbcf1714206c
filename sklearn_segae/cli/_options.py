"""Options that several commands have."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class Features(StrEnum):
    """What `PixelEncoder(features=...)` knows."""

    auto = "auto"
    intensity = "intensity"
    texture = "texture"
    both = "intensity+texture"
    multiscale = "multiscale"


class Scope(StrEnum):
    """What `AESegmenter(scope=...)` knows."""

    dataset = "dataset"
    image = "image"


class Format(StrEnum):
    """Formats of label maps."""

    auto = "auto"
    png = "png"
    tif = "tif"
    npy = "npy"
    zarr = "zarr"

    @property
    def suffix(self) -> str | None:
        """As it stands in names; None for that of the image."""
        return None if self is Format.auto else f".{self.value}"


def segment_number(text: str) -> int | str:
    """Read the number of segments."""
    if text == "auto":
        return text
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise typer.BadParameter(f"{text!r} is neither a number from 1 on nor auto.")
    return number


def settings(texts: Sequence[str]) -> dict[str, Any]:
    """Read estimator parameters: "encoder__max_epochs=20"; what is no Python value is a string."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise typer.BadParameter(f"--set {text}: write NAME=VALUE, such as min_size=20.")
        try:
            found[name] = literal_eval(value)
        except (ValueError, SyntaxError):
            found[name] = value
    return found


def encoding(
    features: StrEnum | None, pooling: float | None, whitening: float | None, device: str
) -> dict[str, Any]:
    """Return what the options of a scale say of the encoder, by the names of a segmenter."""
    given = {
        "features": features and features.value,
        "pooling": pooling,
        "whitening": whitening,
        "device": device,
    }
    return {f"encoder__{name}": value for name, value in given.items()}


LEARNING, FILES, SAYING = "Learning", "Files", "What is printed"

Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT",
        show_default=False,
        help="Images: files, folders, 'globs*', or - for paths on standard input.",
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        help="Label map, or a folder of label maps named after the images.",
        rich_help_panel=FILES,
    ),
]
Overlay = Annotated[
    Path | None,
    typer.Option(
        help="PNG of the labels over the image, or a folder of them.", rich_help_panel=FILES
    ),
]
FormatOption = Annotated[
    Format,
    typer.Option(
        "--format",
        help="Of label maps in a folder; auto: as a TIFF, npy or zarr image is, else PNG.",
        rich_help_panel=FILES,
    ),
]
MaxMemory = Annotated[
    str,
    typer.Option(
        help="Memory for tiles; files above an eighth of it are read tile by tile.",
        rich_help_panel=FILES,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite outputs.", rich_help_panel=FILES)]
NSegments = Annotated[
    Any,
    typer.Option(
        "--n-segments",
        "-k",
        parser=segment_number,
        metavar="K|auto",
        help="Number of segments; auto counts them.",
        rich_help_panel=LEARNING,
    ),
]
FeaturesOption = Annotated[
    Features | None,
    typer.Option(
        "--features",
        help="What tells segments apart \\[default: found in the images].",
        rich_help_panel=LEARNING,
    ),
]
Pooling = Annotated[
    float | None,
    typer.Option(
        min=0, help="Scale in pixels \\[default: found in the images].", rich_help_panel=LEARNING
    ),
]
Whitening = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="0 for intensities, 1 for textures.", rich_help_panel=LEARNING),
]
MinSize = Annotated[
    int,
    typer.Option(
        min=0, help="Patches with fewer pixels join a neighbor.", rich_help_panel=LEARNING
    ),
]
ScopeOption = Annotated[
    Scope,
    typer.Option(
        "--scope",
        help="image partitions every image on its own; else a label means the same in all.",
        rich_help_panel=LEARNING,
    ),
]
Device = Annotated[
    str,
    typer.Option(help="cpu, cuda, cuda:1, mps; auto takes the best.", rich_help_panel=LEARNING),
]
Seed = Annotated[
    int, typer.Option(min=0, help="Equal seeds give equal labels.", rich_help_panel=LEARNING)
]
Set = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        show_default=False,
        help="Any parameter of AESegmenter, such as encoder__max_epochs=20; may be repeated.",
        rich_help_panel=LEARNING,
    ),
]
IgnoreLabel = Annotated[
    list[int],
    typer.Option(
        help="Label of pixels that do not count, such as 0 or 255, besides -1; may be repeated.",
        show_default=False,
    ),
]
Trust = Annotated[
    list[str],
    typer.Option(
        metavar="TYPE",
        show_default=False,
        help="A type that a model may hold beside the usual ones; may be repeated.",
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="One JSON object and nothing else.", rich_help_panel=SAYING),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Errors and warnings alone.", rich_help_panel=SAYING),
]
