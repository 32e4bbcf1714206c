"""The command `segae`: its door. Commands parse, call and write; none has logic of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

try:
    import rich as rich
    import typer
except ImportError as missing:
    sys.exit(f"segae: {missing}. Run: pip install 'sklearn-segae[io]'")
from .._version import __version__
from . import _annotate, _evaluate, _fit, _info, _predict, _segment
from ._console import one_line, one_line_warnings

MANY = ("--labels", "--truth")  # options that take all that follows, up to the next option

app = typer.Typer(
    help="Segment images with autoencoders.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; errors about files and values are one line and exit code 1."""
    given = repeat_options(sys.argv[1:] if arguments is None else arguments)
    try:
        with one_line_warnings():
            app(given, prog_name="segae")
    except (OSError, ValueError, TypeError, ImportError, MemoryError) as error:
        sys.exit(f"segae: {one_line(error) or type(error).__name__}")


def repeat_options(arguments: Sequence[str]) -> list[str]:
    """Write "--truth a b" as "--truth a --truth b": a shell makes the first of "--truth *.png"."""
    spelt: list[str] = []
    option = None
    for argument in arguments:
        is_option = argument.startswith("-") and argument != "-"
        if is_option:
            option = argument if argument in MANY else None
        elif option and spelt[-1] != option:
            spelt.append(option)
        spelt.append(argument)
    return spelt


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Answer what needs no command."""
    if version:
        print(__version__)
        raise typer.Exit


app.command(help=_segment.HELP)(_segment.segment)
app.command(help=_fit.HELP)(_fit.fit)
app.command(help=_predict.HELP)(_predict.predict)
app.command(help=_evaluate.HELP)(_evaluate.evaluate)
app.command(help=_info.HELP)(_info.info)
app.command(help=_annotate.HELP)(_annotate.annotate)
app.command()(_segment.demo)
