"""Input and output paths of the command line: files, folders, globs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from glob import glob, has_magic
from pathlib import Path

from ..storage._formats import HDF5, INSIDE, PICTURES, READABLE, STACKABLE, is_image, is_zarr, split

SHOWN = 3  # file names listed in an error


def expand(arguments: Iterable[str]) -> list[Path]:
    """Return the files named by paths, folders, globs or "-" (standard input), each once."""
    found: list[Path] = []
    for argument in arguments:
        if argument == "-":
            found += expand(line for line in map(str.strip, sys.stdin) if line and line != "-")
        else:
            found += _expand_one(argument)
    unique = {path.resolve(): path for path in reversed(found)}
    files = [path for path in found if unique.get(path.resolve()) is path]
    if not files:
        raise ValueError("no input: standard input names no file.")
    return list(dict.fromkeys(files))


def _expand_one(argument: str) -> list[Path]:
    path = Path(argument)
    if INSIDE in argument and split(path)[0].exists():
        return [path]
    if path.is_dir() and not is_zarr(path):
        inside = sorted(p for p in path.iterdir() if is_image(p))
        if not inside:
            known = ", ".join((*READABLE, ".zarr"))
            raise ValueError(f"{path}: no images in this folder. Known formats: {known}.")
        return inside
    if path.exists():
        return [path]
    if not has_magic(argument):
        raise FileNotFoundError(f"{path}: there is no such file.")
    matches = [Path(match) for match in sorted(glob(argument, recursive=True))]
    if not matches:
        raise FileNotFoundError(f"{argument}: matches no file.")
    return [p for p in matches if is_image(p)] or matches


def is_folder(out: Path, n_inputs: int) -> bool:
    """Return whether `out` is a folder for the outputs rather than the output file itself."""
    if out.suffix.lower() == ".zarr":
        return n_inputs > 1
    return n_inputs > 1 or out.is_dir() or not out.suffix


def label_files(inputs: Sequence[Path], out: Path, suffix: str | None) -> list[Path]:
    """Return the path of every label map: `out` itself, or files in it named after the images."""
    if not is_folder(out, len(inputs)):
        if suffix and out.suffix.lower().replace(".tiff", ".tif") != suffix:
            raise ValueError(
                f"{out}: is not a {suffix} file, but --format is {suffix[1:]}. Leave --format out, "
                "or pass a folder as --out."
            )
        return [out]
    _check_is_folder(out, len(inputs), "--out")
    _check_distinct(inputs)
    return [out / f"{stem(path)}{suffix or label_suffix(path)}" for path in inputs]


def map_files(inputs: Sequence[Path], out: Path, option: str) -> list[Path]:
    """Return the path of every map of numbers: `out` itself, or TIFFs in it."""
    if is_folder(out, len(inputs)):
        _check_is_folder(out, len(inputs), option)
        _check_distinct(inputs)
        return [out / f"{stem(path)}.tif" for path in inputs]
    if out.suffix.lower() not in STACKABLE:
        raise ValueError(
            f"{option} {out}: {out.suffix} holds no fractions. Use {', '.join(STACKABLE)}."
        )
    return [out]


def overlay_files(
    inputs: Sequence[Path], overlay: Path, n_pages: Sequence[int]
) -> list[list[Path]]:
    """Return the paths of the overlays of every input, one for each page."""
    if is_folder(overlay, len(inputs)):
        _check_is_folder(overlay, len(inputs), "--overlay")
        _check_distinct(inputs)
        names = [overlay / f"{stem(path)}.png" for path in inputs]
    elif overlay.suffix.lower() in PICTURES:
        names = [overlay]
    else:
        raise ValueError(
            f"{overlay}: {overlay.suffix} is not a picture format. Use {', '.join(PICTURES)}."
        )
    return [_numbered(name, n) for name, n in zip(names, n_pages, strict=True)]


def _check_is_folder(folder: Path, n_inputs: int, option: str) -> None:
    """Raise an error for a path with the suffix of a file where a folder is needed."""
    if folder.suffix.lower() in (*PICTURES, *STACKABLE) and not folder.is_dir():
        raise ValueError(
            f"{option} {folder}: is one file, but there are {n_inputs} images. Pass a folder."
        )


def check_model_name(path: Path) -> None:
    """Raise an error for a model path with the suffix of an image."""
    if path.suffix.lower() in (*PICTURES, *STACKABLE):
        raise ValueError(
            f"{path}: {path.suffix} is an image format, not a model format. Use .segae."
        )


def _numbered(path: Path, n: int) -> list[Path]:
    if n == 1:
        return [path]
    return [path.with_name(f"{path.stem}-{i}{path.suffix}") for i in range(1, n + 1)]


def stem(image: Path) -> str:
    """Return the name of an image file without its suffix, and without what it names inside."""
    return split(image)[0].stem


def label_suffix(image: Path) -> str:
    """Return the suffix of a label map: that of its image if it holds labels, else .png.

    Of HDF5 files it is .tif: they may have pages, too.
    """
    suffix = split(image)[0].suffix.lower()
    return ".tif" if suffix in HDF5 else suffix if suffix in STACKABLE else ".png"


def check_overwrite(outputs: Iterable[Path], inputs: Iterable[Path], force: bool) -> None:
    """Raise an error if an output exists, is an input, or cannot be created."""
    read = {split(path)[0].resolve() for path in inputs}
    written: set[Path] = set()
    for path in outputs:
        resolved = path.resolve()
        if resolved in read:
            raise ValueError(f"{path}: would overwrite an input. Pass another --out.")
        if resolved in written:
            raise ValueError(f"{path}: would be written twice. Pass another --out or --overlay.")
        if path.exists() and not force:
            raise FileExistsError(f"{path}: exists. Pass --force to overwrite it.")
        if path.is_dir() and not is_zarr(path):
            raise IsADirectoryError(
                f"{path}: is a folder, but the output is a file. Pass the path of a file."
            )
        above = next(p for p in resolved.parents if p.exists())
        if not above.is_dir():
            raise NotADirectoryError(f"{path}: cannot be created, because {above} is a file.")
        if not os.access(above, os.W_OK | os.X_OK):
            raise PermissionError(f"{path}: cannot be created, because {above} is not writable.")
        written.add(resolved)


def match_by_name(
    inputs: Sequence[Path], others: Sequence[Path], *, what: str, all_needed: bool
) -> list[Path | None]:
    """Return the other file of every input: that of the same name, or in order if none has one.

    None stands for missing files, unless `all_needed`. `what` is the option that named the others.
    """
    _check_distinct(inputs)
    _check_distinct(others)
    by_name = {stem(path): path for path in others}
    without = [path for path in inputs if stem(path) not in by_name]
    if len(without) == len(inputs) and len(inputs) == len(others):
        return list(others)
    n_used = len(inputs) - len(without)
    if without and (all_needed or n_used < len(others)):
        raise ValueError(
            f"{what}: none of its {len(others)} files is named {_listed(without)}. Give files of "
            f"the same names as the {len(inputs)} inputs, or as many of other names in order."
        )
    return [by_name.get(stem(path)) for path in inputs]


def _listed(paths: Sequence[Path]) -> str:
    names = ", ".join(f"{stem(path)}.*" for path in paths[:SHOWN])
    return names if len(paths) <= SHOWN else f"{names} (and {len(paths) - SHOWN} more)"


def _check_distinct(paths: Sequence[Path]) -> None:
    """Raise an error if two inputs have one name, because outputs are named after inputs."""
    seen: dict[str, Path] = {}
    for path in paths:
        # Many file systems ignore case.
        other = seen.setdefault(stem(path).lower(), path)
        if other is not path:
            raise ValueError(
                f"{other} and {path}: two files of one name, but outputs are named after them. "
                "Rename one, or give them to two calls."
            )
