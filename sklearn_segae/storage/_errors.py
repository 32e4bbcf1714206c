"""One error for those of all readers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ._formats import READABLE


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raise one error that names the file for those of readers, which are of many types."""
    try:
        yield
    except (ImportError, FileNotFoundError, MemoryError, UnreadableError):
        raise
    except Exception as error:
        known = ", ".join((*READABLE, ".zarr"))
        raise UnreadableError(
            f"{path}: not a readable image ({first_line(error)}). Known formats: {known}."
        ) from error


class UnreadableError(ValueError):
    """A file that cannot be read as an image, with a message for users."""


def first_line(error: Exception) -> str:
    """Return the first line of an error message, or the type of the error."""
    return (str(error) or type(error).__name__).splitlines()[0]
