"""A computation that reports its progress and may be canceled."""

from __future__ import annotations

from threading import Event


class Canceled(Exception):
    """Raised inside a computation that was canceled."""


class Job:
    """Progress of a computation in another thread, and its cancellation.

    Attributes
    ----------
    line : str
        What is computed at present.
    """

    def __init__(self) -> None:
        self.line = ""
        self._canceled = Event()

    def cancel(self) -> None:
        """End the computation at its next report."""
        self._canceled.set()

    def wanted(self) -> bool:
        """Return whether the computation is not canceled."""
        return not self._canceled.is_set()

    def tell(self, line: str) -> None:
        """Report progress; raise Canceled if the computation is canceled."""
        if not self.wanted():
            raise Canceled
        self.line = line
