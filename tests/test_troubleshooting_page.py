"""Every warning of the package is explained in docs/help/troubleshooting.md."""

import ast
import re
from pathlib import Path

import sklearn_segae

PACKAGE = Path(sklearn_segae.__file__).parent
PAGE = (Path(__file__).parents[1] / "docs/help/troubleshooting.md").read_text()
SECTION = re.search(r"^## Warnings\n(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)[1]
ROWS = re.findall(r"^\| `([^`]+)` \|", SECTION, re.MULTILINE)


def template(message):
    """Return a message with "..." for what is put in."""
    parts = message.values if isinstance(message, ast.JoinedStr) else [message]
    return "".join(part.value if isinstance(part, ast.Constant) else "..." for part in parts)


def warnings():
    """Return the messages of all calls of `warn` in the package, put together as they are shown."""
    calls = [
        node
        for text in map(Path.read_text, PACKAGE.rglob("*.py"))
        if "warn(" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"warnings.warn", "_warn"}
    ]
    found = {kind: [] for kind in ("warnings.warn", "_warn")}
    for call in calls:
        found[ast.unparse(call.func)].append(template(call.args[0]))
    (outer,) = (m for m in found["warnings.warn"] if m.startswith("normalize_="))  # of `_warn`
    inner = [outer.replace("...", reason, 1) for reason in found["_warn"]]
    return [m for m in found["warnings.warn"] if m != outer] + inner


def test_every_warning_has_a_row():
    """The message of a row is the beginning of the warning."""
    messages = warnings()
    assert len(messages) >= 8
    for message in messages:
        assert any(message.startswith(row) for row in ROWS), message


def test_every_row_is_a_warning():
    """No row stands for a warning that is gone."""
    messages = ["ConvergenceWarning", *warnings()]
    for row in ROWS:
        assert any(message.startswith(row) for message in messages), row
