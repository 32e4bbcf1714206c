"""A model on disk, loaded as a user of the command line asks for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

UNTRUSTED = re.compile(r"pass load\(path, trusted=\[(.*)\]\)")


def load_model(path: Path, trusted: Sequence[str]) -> Any:
    """Load any saved estimator; the error about types that are not trusted names --trust."""
    from .persistence import load

    try:
        return load(path, trusted=list(trusted))
    except ValueError as error:
        raise ValueError(UNTRUSTED.sub(_options, str(error))) from error


def load_segmenter(path: Path, trusted: Sequence[str], device: str) -> Any:
    """Load a fitted segmenter of images, its networks onto a device."""
    from ._devices import resolve_device
    from ._segmenter import AESegmenter

    segmenter = load_model(path, trusted)
    if not isinstance(segmenter, AESegmenter) or not hasattr(segmenter, "estimator_"):
        raise ValueError(
            f"{path}: holds a {type(segmenter).__name__}, and no fitted AESegmenter. Make one with "
            "segae fit."
        )
    if segmenter.rows_:
        raise ValueError(f"{path}: was fitted to rows. Make a model of images with segae fit.")
    where = resolve_device(device)
    for encoder in (segmenter.encoder_, segmenter._fitted.coder):
        if hasattr(encoder, "net_"):
            encoder.net_.module_.to(where)
            encoder.net_.device = where
    return segmenter


def _options(found: re.Match[str]) -> str:
    return "pass " + " ".join(f"--trust {name}" for name in re.findall(r"'([^']+)'", found[1]))
