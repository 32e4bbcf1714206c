"""scikit-learn's tools do with images what docs/guide/scikit_learn.md says, row by row."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "guide" / "scikit_learn.md").read_text()
WORKS = re.findall(r"^\| `([^|]+?)` \| ([^|]*?) ?\|$", PAGE, flags=re.MULTILINE)
FAILS = re.findall(r"^\| `([^|]+?)` \| (\w+Error) \| (.+?) \| .*\|$", PAGE, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def names():
    """The names of the page's code."""
    found = {}
    exec(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1], found)
    return found


@pytest.mark.parametrize("code", [code for code, _ in WORKS])
def test_tools_work_as_said(names, code):
    """No error, and no score that is not a number, which would be a warning."""
    assert eval(code, names) is not None


@pytest.mark.parametrize(("code", "kind", "beginning"), FAILS, ids=[row[0] for row in FAILS])
def test_tools_fail_as_said(names, code, kind, beginning):
    """The kind and the words of the error."""
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared below
        eval(code, names)
    assert type(error.value).__name__ == kind
    assert str(error.value).startswith(beginning)


def test_every_row_is_tested():
    """No row of the tables hides behind a spelling that the patterns above do not know."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert len(rows) == len(WORKS) + len(FAILS)
