"""Files, arrays and labels come in as docs/guide/data.md says, row by row."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "guide" / "data.md").read_text()
OPENED = re.findall(r"^\| `(.+?)` \| (\(.+?) \| `(.+?)` \| .+ \|$", PAGE, flags=re.MULTILINE)
REFUSED = re.findall(r"^\| `(.+?)` \| (\w+Error) \| (.+) \|$", PAGE, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """The names of the page's code, in a folder with its files."""
    here, found = Path.cwd(), {}
    os.chdir(tmp_path_factory.mktemp("data"))
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, found)
    yield found
    os.chdir(here)


@pytest.mark.filterwarnings("ignore:channel 4 of a TIFF is marked")
@pytest.mark.parametrize(("code", "form", "equal"), OPENED, ids=[row[0] for row in OPENED])
def test_files_open_as_said(names, code, form, equal):
    """Shape, type and every value."""
    image = eval(code, names)
    assert f"{image.shape} {image.dtype}" == form
    expected = eval(equal, names)
    np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))
    np.testing.assert_array_equal(np.ma.getmaskarray(image), np.ma.getmaskarray(expected))


@pytest.mark.parametrize(("code", "kind", "beginning"), REFUSED, ids=[row[0] for row in REFUSED])
def test_files_are_refused_as_said(names, code, kind, beginning):
    """The kind and the words of the error."""
    with pytest.raises((ValueError, OSError, TypeError)) as error:
        eval(code, names)
    assert type(error.value).__name__ == kind
    assert str(error.value).startswith(beginning)


def test_every_row_is_tested():
    """No row of the tables hides behind a spelling that the patterns above do not know."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert len(rows) == len(OPENED) + len(REFUSED)
