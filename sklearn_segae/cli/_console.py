"""What a command says: results on the output stream, bars, notes and warnings on the other."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

Advance = Callable[[str, float, float], None]


def one_line(message: object) -> str:
    """Put a message, perhaps with an estimator of many lines in it, on one line."""
    return " ".join(str(message).split())


def note(message: object) -> None:
    """Tell the user something that is no result."""
    print(f"segae: {one_line(message)}", file=sys.stderr)


@contextmanager
def one_line_warnings() -> Iterator[None]:
    """Show the warnings that users can act on, each once and in one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.simplefilter("ignore", DeprecationWarning)  # those are for programmers
        warnings.simplefilter("ignore", FutureWarning)
        warnings.showwarning = _show_warning
        yield


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    note(f"warning: {message}")


@contextmanager
def progress(quiet: bool) -> Iterator[Advance]:
    """Yield `advance(stage, done, total)`, which draws one bar a stage, on a terminal alone."""
    # Into the error stream: the output may be piped.
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bars:
        stages: dict[str, Any] = {}

        def advance(stage: str, done: float, total: float) -> None:
            if stage not in stages:
                stages[stage] = bars.add_task(f"{stage:<10}", total=None)
            # Nothing done yet: the bar pulses, for how long the first step takes is not known.
            bars.update(stages[stage], completed=done, total=total if done else None)

        yield advance


class Report:
    """Prints what a command found, for people or for programs.

    Parameters
    ----------
    as_json : bool
        One JSON object, and nothing else.
    quiet : bool
        Nothing, unless as JSON.
    """

    def __init__(self, as_json: bool, quiet: bool) -> None:
        self.as_json = as_json
        self.quiet = quiet or as_json

    def lines(self, *lines: str) -> None:
        """Print lines for people."""
        if not self.quiet:
            print(*lines, sep="\n")

    def table(self, header: list[str], rows: list[list[str]]) -> None:
        """Print a table for people, its first column to the left and the others to the right."""
        if self.quiet:
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for i, name in enumerate(header):
            table.add_column(name, justify="right" if i else "left", overflow="fold")
        for row in rows:
            table.add_row(*row)
        # In a file or pipe there is no width that lines would have to fit into.
        Console(width=None if sys.stdout.isatty() else 500, soft_wrap=False).print(table)

    def result(self, result: Mapping[str, Any]) -> None:
        """Print the one object for programs."""
        if self.as_json:
            print(json.dumps(result, indent=2, allow_nan=False, default=str))
