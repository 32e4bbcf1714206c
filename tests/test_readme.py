"""What the README shows is what happens."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from scipy.ndimage import gaussian_filter
from sklearn.cluster import KMeans

from sklearn_segae import AESegmenter
from sklearn_segae.datasets import load_textures, load_tissue
from sklearn_segae.metrics import mean_iou

ROOT = Path(__file__).parents[1]
# Examples that take long, for training encoders until they are good or for fitting many of them.
SLOW = {
    *("plot_choose_pooling", "plot_digits", "plot_explain", "plot_hyperspectral"),
    *("plot_assign_classes", "plot_number_of_segments", "plot_pipeline_search", "plot_region_tree"),
    *("plot_scribbles", "plot_spatial_blocks", "plot_textures", "plot_tissue"),
    *("plot_real_textures", "plot_coins"),
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


def clustered(sample, sigma):
    """Return label maps by k-means on smoothed pixels, the usual way without this package."""
    images = sample.images.astype(float)
    smooth = gaussian_filter(images, (0, sigma, sigma, 0)[: images.ndim])
    rows = smooth.reshape(-1, 3 if images.ndim == 4 else 1)
    labels = KMeans(len(sample.target_names), n_init=5, random_state=0).fit_predict(rows)
    return labels.reshape(images.shape[:3])


def test_the_readme_runs_and_its_scores_are_better_than_k_means(run, folder):
    """All blocks in one session, as a reader would paste them; k-means is smoothed in hindsight."""
    assert len(BLOCKS) == 5
    printed = run("\n".join(BLOCKS), "README.md", folder)
    scores = dict(re.findall(r"(.+): mean IoU ([\d.]+)", printed))

    assert list(scores) == ["strokes", "no labels", "search"]
    tissue, textures = load_tissue(), load_textures()
    for name, sample in (("strokes", tissue), ("no labels", textures), ("search", textures)):
        others = [mean_iou(sample.target, clustered(sample, sigma)) for sigma in (0, 1, 2, 4, 8)]
        assert float(scores[name]) > max(others) + 0.3


def test_figures_of_the_text_are_those_of_the_sample():
    """Without labels, the tissue is segmented as well as the README says."""
    tissue = load_tissue()
    score = mean_iou(tissue.target, AESegmenter(3, random_state=0).fit_predict(tissue.images))
    assert f"(mean IoU {score:.2f};".replace("0.", ".") in (ROOT / "README.md").read_text()
    assert score > mean_iou(tissue.target, clustered(tissue, 8)) + 0.05


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
