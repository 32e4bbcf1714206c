"""The entry point of the command `segae`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

from .._compat import how_to_install

try:
    import rich as rich
    import typer
except ImportError as missing:
    sys.exit(f"segae: {missing}. {how_to_install('io')}")
from .._version import __version__
from . import _annotate, _evaluate, _fit, _info, _predict, _segment
from ._console import one_line, one_line_warnings
from ._options import expand_groups

MANY = ("--labels", "--truth")  # options that take all arguments up to the next option

app = typer.Typer(
    help="Segment images with autoencoders.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; print errors in one line and exit with code 1."""
    expanded = repeat_options(sys.argv[1:] if arguments is None else arguments)
    try:
        with one_line_warnings():
            app(expanded, prog_name="segae")
    except (OSError, ValueError, TypeError, ImportError, MemoryError) as error:
        sys.exit(f"segae: {one_line(error) or type(error).__name__}")


def repeat_options(arguments: Sequence[str]) -> list[str]:
    """Rewrite "--truth a b", to which shells expand "--truth *", as "--truth a --truth b"."""
    repeated: list[str] = []
    option = None
    for argument in arguments:
        is_option = argument.startswith("-") and argument != "-"
        if is_option:
            option = argument if argument in MANY else None
        elif option and repeated[-1] != option:
            repeated.append(option)
        repeated.append(argument)
    return repeated


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Handle options without a command."""
    if version:
        print(__version__)
        raise typer.Exit


for module in (_segment, _fit, _predict, _evaluate, _info, _annotate):
    name = module.__name__.rpartition("._")[2]
    app.command(help=module.HELP)(expand_groups(getattr(module, name)))
app.command()(expand_groups(_segment.demo))
