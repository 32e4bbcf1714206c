"""Optional dependencies: what errors advise, and what is reported of them."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import sklearn_segae
from sklearn_segae import _compat

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
PACKAGE = Path(sklearn_segae.__file__).parent


def project():
    return tomllib.loads(PROJECT.read_text())["project"]


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ("0.2.0.dev0", "Run in a clone of the repository: pip install '.[io]'"),
        ("0.1.0", "Run: pip install 'sklearn-segae[io]'"),
    ],
)
def test_the_advice_works_before_and_after_a_release(release, command, monkeypatch):
    """Nothing can be installed by name until it is on the index."""
    monkeypatch.setattr(_compat, "__version__", release)
    with pytest.raises(ImportError, match=re.escape(f"no_such_module is not installed. {command}")):
        _compat.require("no_such_module", "io")


def test_extras_in_errors_exist():
    """Every extra that an error names can be installed."""
    code = "".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    named = re.findall(r"""(?:require\(["\w.]+, |how_to_install\()["'](\w+)["']""", code)
    assert {"io", "pretrained", "scale"} <= set(named)
    assert set(named) <= set(project()["optional-dependencies"])


def test_all_dependencies_are_reported(capsys):
    """Those of the package and of its extras, at the versions that are installed."""
    sklearn_segae.show_versions()
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    extras = project()["optional-dependencies"]
    wanted = [text for name in extras if name not in ("test", "docs") for text in extras[name]]
    names = {re.match(r"[\w-]+", text)[0] for text in [*project()["dependencies"], *wanted]}
    names.remove("sklearn-segae")
    assert names == set(_compat.DEPENDENCIES)
    assert set(rows) == {*names, "sklearn_segae", "python", "system", "processors", "GPU"}
    assert rows["torch"] == version("torch")


def test_dependencies_that_are_missing_are_reported(monkeypatch, capsys):
    """Not by an error."""
    monkeypatch.setattr(_compat, "DEPENDENCIES", ("no-such-package",))
    sklearn_segae.show_versions()
    assert "no-such-package   not installed" in capsys.readouterr().out
