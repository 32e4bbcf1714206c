"""What the README shows is what happens."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)


def run(code, folder):
    """Run a script in a folder of its own, on one thread, with pictures going nowhere."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_the_readme_runs_from_top_to_bottom(tmp_path):
    """All blocks in one session, as a reader would paste them; the scores are good ones."""
    assert len(BLOCKS) == 7
    result = run("\n".join(BLOCKS), tmp_path)
    assert result.returncode == 0, result.stderr
    scores = [float(score) for score in re.findall(r"mean IoU ([\d.]+)", result.stdout)]
    assert len(scores) == 4
    assert min(scores) > 0.8


def test_a_tuned_model_of_few_labels_takes_twenty_lines(tmp_path):
    """The block of that name needs none of the others, and finds better than it was told."""
    (code,) = (code for code in BLOCKS if "one pixel in 256" in code and "GridSearchCV" in code)
    assert code.count("\n") <= 20
    result = run(code, tmp_path)
    assert result.returncode == 0, result.stderr
    assert "encoder__pooling" in result.stdout
    assert float(result.stdout.split("mean IoU")[1]) > 0.8


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples").glob("plot_*.py")), ids=lambda p: p.stem
)
def test_examples_run(path, tmp_path):
    """Every example runs through."""
    result = run(path.read_text(), tmp_path)
    assert result.returncode == 0, result.stderr
