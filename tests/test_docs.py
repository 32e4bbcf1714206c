"""The site: what its pages show is what happens, and nothing public is missing from it."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sklearn_segae.cli import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# A block is left out by a comment right above it: <!-- skip: reason -->; a page whose blocks take
# long is marked by <!-- slow: reason -->, one that needs a library by <!-- needs: name -->. A
# block of text right below is what the code prints; numbers may differ a little elsewhere.
BLOCK = re.compile(
    r"(?:<!-- skip: (?P<reason>.+?) -->\n)?```python\n(?P<code>.*?)```"
    r"(?:\n\n```text\n(?P<printed>.*?)```)?",
    re.DOTALL,
)
# Commands are run if a comment says so; lines without a prompt are what they print.
COMMANDS = re.compile(r"<!-- run -->\n```console\n(?P<commands>.*?)```", re.DOTALL)
NUMBER = re.compile(r"\d+(?:\.\d+)?")
BUILT = {"_build", "auto_examples", "reference", "notebooks", "_static", "_templates"}


def pages():
    """Return the Markdown pages that are written by hand."""
    return sorted(p for p in DOCS.rglob("*.md") if p.relative_to(DOCS).parts[0] not in BUILT)


def blocks(page):
    """Return the code of a page that is to be run."""
    found = BLOCK.finditer(page.read_text())
    return [block["code"] for block in found if not block["reason"]]


def steps(page):
    """Yield code or commands in their order, and what they print (None if it is not told)."""
    text = page.read_text()
    found = [m for m in BLOCK.finditer(text) if not m["reason"]] + [*COMMANDS.finditer(text)]
    for match in sorted(found, key=lambda match: match.start()):
        if match.re is BLOCK:
            yield match["code"], match["printed"]
        else:
            command, _, printed = match["commands"].partition("\n")
            words = shlex.split(command.removeprefix("$ segae "))
            yield f"segae({words})", printed or None


def segae(arguments):
    """Run a command in this process."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert not ended.value.code, ended.value


def assert_alike(printed, shown):
    """Assert that texts are equal but for numbers that differ by .05 at most."""
    assert NUMBER.sub("#", printed) == NUMBER.sub("#", shown)
    for ours, theirs in zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True):
        assert float(ours) == pytest.approx(float(theirs), abs=0.05), printed


def parameter(page):
    marks = [pytest.mark.slow] if "<!-- slow: " in page.read_text() else []
    return pytest.param(page, id=str(page.relative_to(DOCS)), marks=marks)


@pytest.mark.parametrize("page", [parameter(page) for page in pages() if blocks(page)])
def test_the_blocks_of_a_page_run_one_after_the_other(page, tmp_path, monkeypatch, capsys):
    """All blocks of a page in one session, as a reader would; they print what is shown."""
    import matplotlib.pyplot as plt

    for library in re.findall("<!-- needs: (.+?) -->", page.read_text()):
        pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("agg")
    session = {"__name__": "__main__", "segae": segae}
    for number, (code, shown) in enumerate(steps(page), start=1):
        exec(compile(code, f"{page.name}, block {number}", "exec"), session)
        printed = capsys.readouterr().out
        if shown is not None:
            assert_alike(printed, shown)
    plt.close("all")


def test_every_block_is_found():
    """No block of code hides behind a spelling that the test above does not know."""
    for page in pages():
        opened = re.findall(r"^ *```+ ?\{?(?:py|python|ipython|code-cell)", page.read_text(), re.M)
        assert len(opened) == len(list(BLOCK.finditer(page.read_text()))), page


def test_every_public_name_is_in_the_reference(monkeypatch):
    """The page that is written from every `__all__` has each name of each public module."""
    monkeypatch.syspath_prepend(DOCS)
    import _reference

    text = _reference.page()
    modules = ["sklearn_segae", *_reference.public_modules()]
    assert {"sklearn_segae.metrics", "sklearn_segae.networks"} < set(modules)
    for module in modules:
        section = text.split(f".. currentmodule:: {module}\n")[1].split(".. currentmodule::")[0]
        for name in _reference.public_names(module):
            assert f"\n   {name}\n" in section, f"{module}.{name}"


def test_the_reference_tells_of_methods_that_are_there_for_some_parameters(monkeypatch):
    """`score` is no method of every segmenter, but has its place; scikit-learn's own have none."""
    monkeypatch.syspath_prepend(DOCS)
    import _reference

    methods = _reference.own_methods("sklearn_segae", "AESegmenter")
    assert {"fit", "predict", "predict_proba", "score", "uncertainty"} <= set(methods)
    assert "get_params" not in methods


def test_every_page_is_in_a_table_of_contents():
    """Sphinx says so, too, but takes long; here, every page is named or matched by some toctree."""
    listed = {DOCS / "index.md"}
    for page in pages():
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(), re.DOTALL):
            for entry in filter(None, (line.strip() for line in tree.splitlines())):
                folder, pattern = (DOCS, entry[1:]) if entry[0] == "/" else (page.parent, entry)
                if entry[0] != ":":
                    listed |= {path.resolve() for path in folder.glob(f"{pattern}.md")}
    assert set(pages()) <= listed


def test_every_example_is_in_one_section_of_the_gallery(monkeypatch):
    """A new example needs a row in the table of docs/_gallery.py."""
    monkeypatch.syspath_prepend(DOCS)
    import _gallery

    names = [name for _, examples in _gallery.SECTIONS.values() for name in examples]
    assert sorted(names) == sorted(path.stem for path in (ROOT / "examples").glob("plot_*.py"))


def test_pages_link_to_examples_that_exist():
    """A gallery page is named after its script."""
    for page in pages():
        for name in re.findall(r"auto_examples/(plot_\w+)", page.read_text()):
            assert (ROOT / "examples" / f"{name}.py").exists(), f"{page}: {name}"


def test_the_architecture_page_is_generated_from_the_package_as_it_is(monkeypatch):
    """`python docs/_architecture.py` was run after the last change of a room's docstring."""
    monkeypatch.syspath_prepend(DOCS)
    import _architecture

    assert _architecture.PAGE.read_text() == _architecture.page()
    assert _architecture.DIAGRAM.read_text() == _architecture.diagram()


@pytest.mark.parametrize("path", sorted(DOCS.glob("notebooks/*.ipynb")), ids=lambda p: p.stem)
def test_notebooks_are_small_and_were_run(path):
    """Whoever reads one sees what it prints and draws, and no error."""
    assert path.stat().st_size < 500_000
    code = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not any(output["output_type"] == "error" for output in outputs)


def test_notebooks_are_those_of_their_sources(monkeypatch):
    """`make notebooks` was run after the last change of what they are made from."""
    monkeypatch.syspath_prepend(DOCS)
    nbformat = pytest.importorskip("nbformat", reason="comes with the docs extra")
    pytest.importorskip("nbclient", reason="comes with the docs extra")
    import make_notebooks

    for name, cells in make_notebooks.sources().items():
        made = nbformat.read(DOCS / "notebooks" / f"{name}.ipynb", as_version=4)
        assert [cell.source for cell in made.cells] == [cell.source for cell in cells]


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    """All but the gallery, whose scripts test_readme.py runs; warnings are errors."""
    pytest.importorskip("sphinx", reason="comes with the docs extra")
    options = ["-n", "-W", "--keep-going", "-q", "-D", "plot_gallery=0"]
    result = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(DOCS), str(tmp_path / "site")],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "site" / "reference" / "generated").is_dir()
