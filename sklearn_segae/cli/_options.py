"""Options that several commands share, alone and in groups."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Callable, Sequence
from dataclasses import dataclass, is_dataclass
from enum import StrEnum
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

LEARNING, FILES, PRINTING = "Learning", "Files", "Printing"


# The values of two parameters, written out because to import the estimators would take seconds.
LEARNED = ("auto", "intensity", "texture", "intensity+texture", "multiscale")
KINDS = (*LEARNED, "pretrained", "multiscale+pretrained")
Features = StrEnum("Features", [(kind, kind) for kind in KINDS])  # type: ignore[misc]
Scope = StrEnum("Scope", ["dataset", "image"])


class Format(StrEnum):
    """File formats of label maps."""

    auto = "auto"
    png = "png"
    tif = "tif"
    npy = "npy"
    zarr = "zarr"

    @property
    def suffix(self) -> str | None:
        """The suffix of file names; None for the format of the image."""
        return None if self is Format.auto else f".{self.value}"


def segment_number(text: str) -> int | str:
    """Parse a number of segments."""
    if text == "auto":
        return text
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise typer.BadParameter(f"{text!r} is neither an integer of at least 1 nor 'auto'.")
    return number


def parse_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Parse settings such as "encoder__max_epochs=20"; values that are not Python are strings."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise typer.BadParameter(f"--set {text}: write NAME=VALUE, such as min_size=20.")
        if name in ("spacing", "encoder__spacing"):
            raise typer.BadParameter(f"--set {text}: write --spacing Z,Y,X, such as 2,0.5,0.5.")
        try:
            found[name] = literal_eval(value)
        except (ValueError, SyntaxError):
            found[name] = value
    return found


def option(*names: str, panel: str | None = None, **settings: Any) -> Any:
    """Return a typer option in a panel of the help page."""
    return typer.Option(*names, rich_help_panel=panel, **settings)


def file_arguments(metavar: str, text: str) -> Any:
    """Return a typer argument of files."""
    return typer.Argument(metavar=metavar, show_default=False, help=text)


Inputs = Annotated[
    list[str],
    file_arguments(
        "INPUT", "Images: files, folders, 'globs*', or - to read paths from standard input."
    ),
]
Force = Annotated[bool, option("--force", panel=FILES, help="Overwrite existing files.")]
MaxMemory = Annotated[
    str,
    option(
        panel=FILES, help="Memory for tiles. Files larger than an eighth of it are read in tiles."
    ),
]
NSegments = Annotated[
    Any,
    option(
        *("--n-segments", "-k"),
        panel=LEARNING,
        parser=segment_number,
        metavar="K|auto",
        help="Number of segments; auto estimates it.",
    ),
]
Device = Annotated[
    str, option(panel=LEARNING, help="cpu, cuda, cuda:1 or mps; auto selects the fastest.")
]
Seed = Annotated[
    int, option(panel=LEARNING, min=0, help="Random seed; equal seeds give equal labels.")
]
IgnoreLabels = Annotated[
    list[int],
    option(
        show_default=False,
        help="Label of pixels to leave out, such as 0 or 255, in addition to -1; may be repeated.",
    ),
]
Trust = Annotated[
    list[str],
    option(
        metavar="TYPE",
        show_default=False,
        help="Additional type that a model file may contain; may be repeated.",
    ),
]


@dataclass(frozen=True)
class SoftMaps:
    """Options of the maps of numbers that are written beside label maps."""

    probabilities: Annotated[
        Path | None,
        option(
            panel=FILES,
            help="Probabilities of all labels: a .tif, .zarr or .npy, or a folder of .tif.",
        ),
    ] = None
    uncertainty: Annotated[
        Path | None,
        option(
            panel=FILES,
            help="Uncertainty of the labels, 0 to 1: a .tif, .zarr or .npy, or a folder of .tif.",
        ),
    ] = None


@dataclass(frozen=True)
class Outputs:
    """Options of the files that are written."""

    out: Annotated[
        Path,
        option(
            *("--out", "-o"),
            panel=FILES,
            help="Label map, or a folder of label maps named after the images.",
        ),
    ]
    overlay: Annotated[
        Path | None,
        option(panel=FILES, help="PNG of the labels over the image, or a folder of them."),
    ] = None
    label_format: Annotated[
        Format,
        option(
            "--format",
            panel=FILES,
            help="Format of label maps in a folder; auto: that of the image, or PNG if lossy.",
        ),
    ] = Format.auto
    max_memory: MaxMemory = "1GiB"
    force: Force = False


@dataclass(frozen=True)
class Learning:
    """Options that become parameters of `AESegmenter`."""

    n_segments: NSegments = "8"
    features: Annotated[
        Features | None,
        option(panel=LEARNING, help="Features of the pixels \\[default: chosen from the images]."),
    ] = None
    pooling: Annotated[
        float | None,
        option(
            panel=LEARNING,
            min=0,
            help="Standard deviation, in pixels, of the neighborhood that codes are averaged over "
            "\\[default: chosen from the images].",
        ),
    ] = None
    whitening: Annotated[
        float | None,
        option(panel=LEARNING, min=0, max=1, help="0 suits intensities, 1 suits textures."),
    ] = None
    scope: Annotated[
        Scope,
        option(
            panel=LEARNING,
            help="dataset: labels mean the same in all images; image: each is segmented alone.",
        ),
    ] = Scope.dataset
    min_size: Annotated[
        int,
        option(panel=LEARNING, min=0, help="Merge regions of fewer pixels into a neighbor."),
    ] = 0
    device: Device = "auto"
    seed: Seed = 0
    set_: Annotated[
        list[str] | None,
        option(
            "--set",
            panel=LEARNING,
            metavar="NAME=VALUE",
            show_default=False,
            help="Any parameter of AESegmenter, such as encoder__max_epochs=20; may be repeated.",
        ),
    ] = None

    def parameters(self) -> dict[str, Any]:
        """Return parameters of a segmenter; None stands for the default."""
        return {
            "n_segments": self.n_segments,
            "encoder__features": self.features and self.features.value,
            "encoder__pooling": self.pooling,
            "encoder__whitening": self.whitening,
            "encoder__device": self.device,
            "scope": self.scope.value,
            "min_size": self.min_size,
            "random_state": self.seed,
            **parse_settings(self.set_ or []),
        }


def expand_groups(function: Callable[..., None]) -> Callable[..., None]:
    """Make a command whose options are the fields of the groups that a function takes.

    typer reads options from a signature. A group is a dataclass, and each of its fields an option.
    """
    hints = get_type_hints(function, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}

    @wraps(function)
    def command(**options: Any) -> None:
        for name, group in groups.items():
            options[name] = group(**{key: options.pop(key) for key in signature(group).parameters})
        function(**options)

    options = []
    for parameter in signature(function).parameters.values():
        group = groups.get(parameter.name)
        options += [(parameter, hints)] if group is None else _fields(group)
    parameters = [p.replace(kind=p.KEYWORD_ONLY, annotation=types[p.name]) for p, types in options]
    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _fields(group: Any) -> list[tuple[Parameter, dict[str, Any]]]:
    hints = get_type_hints(group, include_extras=True)
    return [(parameter, hints) for parameter in signature(group).parameters.values()]
