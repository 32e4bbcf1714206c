"""Whoever asks for what cannot be is told so: docs/bad_input.md, row by row."""

import os
import re
import shlex
import sys
import traceback
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "bad_input.md").read_text()
ROWS = re.findall(r"^\| `(.+?)` \| (.+?) \| (.+) \|$", PAGE, flags=re.MULTILINE)


def namespace(page):
    """Return what the page's code block defines; its files are written where we are."""
    names = {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], names)
    return names


def blunder(code, names):
    """Run a row, and return the kind of its error, the message and the file that raised it."""
    try:
        segae(code) if code.startswith("segae ") else eval(code, dict(names))
    except (Exception, SystemExit) as error:
        where = traceback.extract_tb(error.__traceback__)[-1].filename
        kind = error.args[0] if isinstance(error, CommandError) else type(error).__name__
        return kind, words(str(error.args[-1])), where
    raise AssertionError(f"{code} raised nothing")


class CommandError(Exception):
    """What a command left on the error stream, and its exit code."""


def segae(code):
    """Run a command in this process: it takes seconds to start another."""
    from _pytest.capture import SysCapture

    from sklearn_segae.cli import _app as _cli

    argv, capture = sys.argv, SysCapture(2)
    capture.start()
    try:
        sys.argv = shlex.split(code)
        _cli.main()
    except SystemExit as end:
        # `sys.exit(text)` prints the text when the interpreter ends, with exit code 1.
        code, text = (end.code, capture.snap()) if isinstance(end.code, int) else (1, end.code)
        raise CommandError(f"exit code {code}", text) from None
    finally:
        sys.argv = argv
        capture.done()


def words(text):
    """Return a message in one line, without the frames that the command line draws."""
    return " ".join(re.sub("[│╭╮╰╯─]", " ", text).split())


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """The names of the page, in a folder with its files."""
    here = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("bad_input"))
    yield namespace(PAGE)
    os.chdir(here)


@pytest.mark.parametrize(("code", "kind", "beginning"), ROWS, ids=[code for code, _, _ in ROWS])
def test_misuse_is_named(names, code, kind, beginning):
    """The error is of the kind that the page says, begins so, and comes from no depth."""
    found, message, where = blunder(code, names)
    assert found == kind
    assert beginning in message if code.startswith("segae ") else message.startswith(beginning)
    assert re.search(r"sklearn_segae|[/\\]sklearn[/\\]|test_bad_input", where)


def test_the_page_lists_each_misuse_once():
    """Every line of its tables is a row that is tested; there are enough of them."""
    table_lines = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert len(table_lines) == len(ROWS) == len({code for code, _, _ in ROWS})
    assert len(ROWS) >= 60


def test_refusals_change_nothing(names):
    """Whatever was asked of them above, the page's estimators answer as before."""
    assert names["encoder"].transform(names["images"]).shape == (2, 16, 16, 2)
    assert names["autoencoder"].transform(names["rows"]).shape == (30, 2)
    assert Path("photo.png").stat().st_size > 0
    assert not Path("labels.png").exists()
