"""What the README shows is what happens."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).parents[1]
# Examples that take long, for training encoders until they are good or for fitting many of them.
SLOW = {
    *("plot_choose_pooling", "plot_digits", "plot_explain", "plot_hyperspectral"),
    *("plot_assign_classes", "plot_number_of_segments", "plot_pipeline_search", "plot_region_tree"),
    *("plot_scribbles", "plot_spatial_blocks", "plot_textures"),
}
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a reader of the README is: what is cached there is found again."""
    return tmp_path_factory.mktemp("readme")


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a script in this process, for speed; return what it printed. Warnings are errors."""

    def run(code, name, folder):
        monkeypatch.chdir(folder)
        plt.switch_backend("agg")
        exec(compile(code, name, "exec"), {"__name__": "__main__"})
        return capsys.readouterr().out

    yield run
    plt.close("all")


def test_the_readme_runs_from_top_to_bottom(run, folder):
    """All blocks in one session, as a reader would paste them; the scores are good ones."""
    assert len(BLOCKS) == 7
    printed = run("\n".join(BLOCKS), "README.md", folder)
    scores = [float(score) for score in re.findall(r"mean IoU ([\d.]+)", printed)]
    assert len(scores) == 4
    assert min(scores) > 0.8


def test_a_tuned_model_of_few_labels_takes_twenty_lines(run, folder):
    """The block of that name needs none of the others, and finds better than it was told."""
    (code,) = (code for code in BLOCKS if "one pixel in 256" in code and "GridSearchCV" in code)
    assert code.count("\n") <= 20
    printed = run(code, "README.md", folder)
    assert "encoder__pooling" in printed
    assert float(printed.split("mean IoU")[1]) > 0.8


def examples():
    """Return the examples as parameters, the longest marked as slow."""
    paths = {path.stem: path for path in sorted((ROOT / "examples").glob("plot_*.py"))}
    assert set(paths) >= SLOW
    marks = {name: [pytest.mark.slow] if name in SLOW else [] for name in paths}
    return [pytest.param(path, id=name, marks=marks[name]) for name, path in paths.items()]


@pytest.mark.parametrize("path", examples())
def test_examples_run(path, run, tmp_path):
    """Every example runs through."""
    run(path.read_text(), path, tmp_path)
