"""The command `segae`: parse, call, write; no logic of its own."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from . import __version__, _command_annotate
from ._files import as_stored, read_image, write_image
from ._pictures import show_borders, show_features, show_labels, show_overlay

try:
    import typer
    from rich.console import Console
    from rich.progress import Progress
except ImportError as missing:
    sys.exit(f"segae: {missing}. Run: pip install 'sklearn-segae[io]'")


class Cue(StrEnum):
    """What `PixelEncoder(cue=...)` knows."""

    auto = "auto"
    colour = "colour"
    texture = "texture"


app = typer.Typer(
    help="Segment images with autoencoders.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SEGMENT_HELP = """Segment images without labels: one model for all of them.

Examples:

  segae segment photo.jpg -k 4 -o labels.png --overlay overlay.png

  segae segment tiles/*.tif -k 6 -o labels/ --overlay pictures/

A label map holds the segment of every pixel, 0 to k - 1, as PNG, TIFF or npy.
"""


def main() -> None:
    """Run the command; errors about files and values are one line and exit code 1."""
    try:
        app()
    except (OSError, ValueError, ImportError) as error:
        sys.exit(f"segae: {error}")


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Answer what needs no command."""
    if version:
        print(__version__)
        raise typer.Exit


@app.command(help=SEGMENT_HELP)
def segment(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Label map; a folder if there are many images.")
    ],
    n_segments: Annotated[
        int, typer.Option("--n-segments", "-k", min=1, help="Number of segments.")
    ] = 8,
    overlay: Annotated[
        Path | None,
        typer.Option(help="Picture of the labels over the image; a folder for many."),
    ] = None,
    cue: Annotated[
        Cue, typer.Option(help="What tells the segments apart; auto looks at the images.")
    ] = Cue.auto,
    pooling: Annotated[
        float | None, typer.Option(min=0, help="Scale in pixels [default: found in the images]")
    ] = None,
    whitening: Annotated[
        float | None, typer.Option(min=0, max=1, help="0 for intensities, 1 for textures.")
    ] = None,
    min_size: Annotated[
        int, typer.Option(min=0, help="Patches with fewer pixels join a neighbour.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal labels.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files.")] = False,
) -> None:
    """Segment image files."""
    outputs = _outputs(images, out, overlay, force)
    stack = [read_image(path) for path in images]
    start = time.perf_counter()
    scale = {"cue": cue.value, "pooling": pooling, "whitening": whitening}
    given = {name: value for name, value in scale.items() if value is not None}
    _, maps = _segment(stack, n_segments, min_size, seed, **given)
    for image, labels, (label_file, overlay_file) in zip(stack, maps, outputs, strict=True):
        write_image(label_file, as_stored(labels))
        if overlay_file:
            write_image(overlay_file, show_overlay(image, labels))
    _report(maps, start, [path for pair in outputs for path in pair if path])


app.command(help=_command_annotate.HELP)(_command_annotate.annotate)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder.")] = Path("demo"),
    n_segments: Annotated[int, typer.Option("--n-segments", "-k", min=1)] = 5,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal labels.")] = 0,
) -> None:
    """Segment a photograph that ships with scikit-learn, and write pictures."""
    from sklearn.datasets import load_sample_image

    photo = np.array(load_sample_image("china.jpg"))
    start = time.perf_counter()
    # Things of one colour each, not textures: said here, since one photograph is little evidence.
    segmenter, (labels,) = _segment([photo], n_segments, 50, seed, cue="colour")
    pictures = {
        "photo.png": photo,
        "label_map.png": show_labels(labels),
        "overlay.png": show_overlay(photo, labels),
        "borders.png": show_borders(photo, labels),
        "feature_maps.png": show_features(segmenter.transform([photo])[0]),
    }
    for name, picture in pictures.items():
        write_image(out / name, picture)
    _report([labels], start, [out / name for name in pictures])


def _segment(
    images: list[np.ndarray], n_segments: int, min_size: int, seed: int, **encoder: Any
) -> tuple[Any, list[np.ndarray]]:
    """Fit and predict behind a progress bar."""
    with _progress() as advance:
        # Imported here: torch takes seconds, and `segae --help` should not.
        from ._encoder import PixelEncoder
        from ._segmenter import AESegmenter
        from ._training import OnEpoch

        on_epoch = OnEpoch(lambda epoch, n, loss: advance("training", epoch, n))
        segmenter = AESegmenter(
            n_segments,
            encoder=PixelEncoder(callbacks=[on_epoch], **encoder),
            min_size=min_size,
            random_state=seed,
        ).fit(images)
        maps = []
        for i, image in enumerate(images, start=1):
            maps += segmenter.predict([image])
            advance("segmenting", i, len(images))
    return segmenter, maps


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Yield `advance(stage, done, total)`, which draws one bar a stage on a terminal."""
    # Into the error stream: the output may be piped.
    with Progress(console=Console(stderr=True)) as bars:
        stages: dict[str, Any] = {"training": bars.add_task("training", total=None)}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = bars.add_task(stage)
            bars.update(stages[stage], completed=done, total=total)

        yield advance


def _outputs(
    images: Sequence[Path], out: Path, overlay: Path | None, force: bool
) -> list[tuple[Path, Path | None]]:
    """Return the (label file, overlay file) of every image; refuse to overwrite."""
    many = len(images) > 1 or out.is_dir() or not out.suffix
    stems = [path.stem for path in images]
    if many and len(set(stems)) < len(stems):
        raise ValueError("two images have the same name, so that their label maps would too.")
    pairs = [
        (
            out / f"{stem}.png" if many else out,
            (overlay / f"{stem}.png" if many else overlay) if overlay else None,
        )
        for stem in stems
    ]
    for path in (p for pair in pairs for p in pair if p):
        if path.exists() and not force:
            raise FileExistsError(f"{path} exists. Pass --force to overwrite it.")
    return pairs


def _report(maps: Sequence[np.ndarray], start: float, paths: Sequence[Path]) -> None:
    n_segments = len(np.unique(np.concatenate([labels.ravel() for labels in maps])))
    print(f"{n_segments} segments in {time.perf_counter() - start:.1f} s")
    for path in paths:
        print(f"wrote {path}")
