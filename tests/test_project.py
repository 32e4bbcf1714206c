"""Files around the package: they agree with each other, and with what they describe."""

import os
import re
import tomllib
from pathlib import Path

import pytest

import sklearn_segae

yaml = pytest.importorskip("yaml", reason="comes with dask")

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
RECIPE = yaml.safe_load((ROOT / "recipe/recipe.yaml").read_text())
CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base"}  # names that differ from pip's


def floors(requirements):
    """Return the oldest version of every required package."""
    found = [re.match(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)$", text) for text in requirements]
    return {match[1]: match[2] for match in found if match}


def runs():
    """Return the commands of the workflow."""
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    return [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]


def test_the_workflow_runs_what_continuous_integration_runs_here():
    """The commands of `.ci/run` are among those of the workflow, all of them targets of make."""
    commands = re.findall(r"^make .*", (ROOT / ".ci/run").read_text(), re.M)
    assert commands
    assert set(commands) <= set(runs())
    targets = re.search(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text(), re.M)[1].split()
    called = [re.fullmatch(r"make ([\w-]+).*", command)[1] for command in runs()]
    assert set(called) <= set(targets)
    assert {"test", "pytest", "docs", "release-check"} <= set(called)


def test_the_workflow_tests_the_oldest_and_newest_dependencies():
    """Both ends of the supported versions, on supported versions of Python."""
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    rows = jobs["test"]["strategy"]["matrix"]["include"]
    assert [row["constraints"] for row in rows] == ["constraints-oldest.txt", os.devnull]
    assert rows[0]["python"] == PROJECT["requires-python"].removeprefix(">=")
    for row in rows:
        assert f"Programming Language :: Python :: {row['python']}" in PROJECT["classifiers"]


def test_the_oldest_constraints_are_those_of_the_package():
    """What is tested is what `pyproject.toml` promises."""
    extras = (
        text
        for name in ("plot", "inspect", "io", "scale", "onnx", "persistence")
        for text in EXTRAS[name]
    )
    expected = floors([*PROJECT["dependencies"], *extras])
    lines = (ROOT / "constraints-oldest.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    assert expected.keys() <= pinned.keys()
    for name, oldest in expected.items():
        assert re.fullmatch(rf"{re.escape(oldest)}(\.0)*", pinned[name]), name


def test_the_conda_recipe_has_the_dependencies_of_the_package():
    """The same packages with the same floors, the same version and the same command."""
    expected = {CONDA.get(k, k): v for k, v in floors(PROJECT["dependencies"]).items()}
    run = dict(text.split(" >=") for text in RECIPE["requirements"]["run"])
    assert run.pop("python") == "${{ python_min }}"
    assert run == expected
    optional = {CONDA.get(k, k): v for k, v in floors([*EXTRAS["plot"], *EXTRAS["scale"]]).items()}
    for text in RECIPE["requirements"]["run_constraints"]:
        name, floor = text.split(" >=")
        assert optional[name] == floor
    assert RECIPE["context"]["version"] == sklearn_segae.__version__
    assert f">={RECIPE['context']['python_min']}" == PROJECT["requires-python"]
    (command,) = RECIPE["build"]["python"]["entry_points"]
    assert dict([command.split(" = ")]) == PROJECT["scripts"]


def test_the_changelog_has_the_version_that_is_prepared():
    """A heading for it, below the one for later changes."""
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    version = sklearn_segae.__version__.partition(".dev")[0]
    assert headings[:2] == ["Unreleased", version]


def test_the_citation_names_the_authors_and_the_license():
    """As the metadata of the package do."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["authors"] == PROJECT["authors"]
    assert citation["license"] == PROJECT["license"]
    page = " ".join((ROOT / "docs/help/citing.md").read_text().replace("\\_", "_").split())
    version = sklearn_segae.__version__.partition(".dev")[0]
    assert f"{citation['authors'][0]['name']}. {citation['title']}. Version {version}," in page
    assert f"title = {{{citation['title']}}}, version = {{{version}}}" in page


@pytest.mark.parametrize(
    "path", [*ROOT.glob("*.md"), ROOT / "docs/depth/checklists.md"], ids=lambda path: path.name
)
def test_files_that_are_named_exist(path):
    """Links and file names in the pages of the project lead somewhere."""
    text = path.read_text()
    links = re.findall(r"\]\((?!\w+:|#)([^)#]+)", text)
    if path.name != "CHANGELOG.md":  # which tells of files that are gone
        links += re.findall(r"`((?:\w[\w-]*/|\.)[\w/.-]+\.(?:md|py|yml|yaml|cff))`", text)
    for link in links:
        places = (ROOT, ROOT / "sklearn_segae", path.parent)
        assert any((place / link).exists() for place in places), link


def test_figures_of_the_paper_are_measured():
    """Every figure of its tables stands in the page of benchmarks."""
    benchmarks = (ROOT / "docs/benchmarks.md").read_text()
    rows = re.findall(r"^\|.*\|$", (ROOT / "paper/paper.md").read_text(), re.M)
    figures = re.findall(r"\.\d{3}", "".join(rows))
    assert len(figures) == 8
    for figure in figures:
        assert figure in benchmarks, figure


def test_the_paper_cites_what_its_bibliography_holds():
    """No citation without an entry, and no entry without a citation."""
    cited = set(re.findall(r"@(\w+)", (ROOT / "paper/paper.md").read_text()))
    assert cited == set(re.findall(r"^@\w+\{(\w+),", (ROOT / "paper/paper.bib").read_text(), re.M))
