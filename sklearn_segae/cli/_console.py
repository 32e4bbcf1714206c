"""Output of the commands: results to stdout; progress bars, notes and warnings to stderr."""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Table
from rich.text import Text

from ._options import PRINTING, option

Advance = Callable[[str, float, float], None]


def one_line(message: object) -> str:
    """Return a message, which may contain the repr of an estimator, as one line."""
    return " ".join(str(message).split())


def note(message: object) -> None:
    """Print a message to stderr."""
    print(f"segae: {one_line(message)}", file=sys.stderr)


@contextmanager
def one_line_warnings() -> Iterator[None]:
    """Print the warnings that users can act on, each once and in one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.simplefilter("ignore", DeprecationWarning)  # addressed to programmers
        warnings.simplefilter("ignore", FutureWarning)
        warnings.showwarning = lambda message, *_, **__: note(f"warning: {message}")
        yield


class Times(ProgressColumn):
    """The time since a stage began and, after its first step, an estimate of the time left."""

    def render(self, task: Task) -> Text:
        """Return the text of the column."""
        spent = task.finished_time if task.finished else task.elapsed
        text = str(timedelta(seconds=round(spent or 0)))
        if spent is not None and "duration" in task.fields and not task.finished:
            left = timedelta(seconds=round(max(0, task.fields["duration"] - spent)))
            text += f", {left} left"
        return Text(text)


@contextmanager
def progress(quiet: bool) -> Iterator[Advance]:
    """Yield `advance(stage, done, total)`, which draws a bar per stage if stderr is a terminal."""
    # stdout may be piped.
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda *_: None
        return
    with Progress(TextColumn("{task.description}"), BarColumn(), Times(), console=console) as bars:
        stages: dict[str, Any] = {}

        def advance(stage: str, done: float, total: float) -> None:
            if stage not in stages:
                stages[stage] = (bars.add_task(f"{stage:<10}", total=None), time.monotonic())
            task, start = stages[stage]
            # Until the first step is done its duration is unknown, and the bar pulses.
            known = {"duration": (time.monotonic() - start) * total / done} if done else {}
            bars.update(task, completed=done, total=total if done else None, **known)

        yield advance


@dataclass(frozen=True)
class Report:
    """Options of what is printed, and the functions that print it."""

    as_json: Annotated[
        bool, option("--json", panel=PRINTING, help="Print one JSON object instead of text.")
    ] = False
    silent: Annotated[
        bool, option("--quiet", "-q", panel=PRINTING, help="Print only errors and warnings.")
    ] = False

    @property
    def quiet(self) -> bool:
        """Whether to print no text."""
        return self.silent or self.as_json

    def lines(self, *lines: str) -> None:
        """Print lines of text, unless quiet."""
        if not self.quiet:
            print(*lines, sep="\n")

    def table(self, header: list[str], rows: list[list[str]]) -> None:
        """Print a table, unless quiet: first column left-aligned, the others right-aligned."""
        if self.quiet:
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for i, name in enumerate(header):
            table.add_column(name, justify="right" if i else "left", overflow="fold")
        for row in rows:
            table.add_row(*row)
        # A file or pipe does not limit the width of lines.
        Console(width=None if sys.stdout.isatty() else 500, soft_wrap=False).print(table)

    def result(self, result: Mapping[str, Any]) -> None:
        """Print the result as JSON, if that is requested."""
        if self.as_json:
            print(json.dumps(result, indent=2, allow_nan=False, default=str))
