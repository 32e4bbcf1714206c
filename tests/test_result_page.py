"""docs/guide/when_it_fails.md: its figures and pictures are those of docs/_before_after.py."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "guide" / "when_it_fails.md").read_text()
# A picture, and its caption up to the next heading or block.
SHOWN = dict(
    re.findall(r"images/guide/(\w+)\.png\)\n\n(.*?)(?=\n\n(?:#|```|<)|\Z)", PAGE, re.DOTALL)
)
SLOW = {"unet"}  # seconds of training
ELSEWHERE = {"nuclei", "satellite", "materials"}  # of other pages


@pytest.fixture
def before_after(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    import _before_after

    return _before_after


def test_every_case_has_a_picture_and_a_caption_with_figures(before_after):
    """The page and the script have the same cases."""
    assert set(SHOWN) == set(before_after.CASES) - ELSEWHERE
    assert all(re.search(r": \.\d\d", caption) for caption in SHOWN.values())


def test_pictures_are_small(before_after):
    """Clones stay small."""
    for name in before_after.CASES:
        assert (before_after.IMAGES / f"{name}.png").stat().st_size < 80_000, name


@pytest.mark.parametrize("name", ["smooth_gray_values", "uneven_light"])
def test_the_option_helps(name, before_after):
    """The quickest two cases, always: what is advised is better by far."""
    target, panels = before_after.CASES[name]()
    before, after, *_ = before_after.scores(target, panels).values()
    assert after > before + 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", SHOWN)
def test_the_caption_has_the_figures_of_the_script(name, before_after):
    """Each mean IoU of a picture is in its caption, in the same order, up to rounding."""
    target, panels = before_after.CASES[name]()
    printed = list(before_after.scores(target, panels).values())
    written = [float(f"0{figure}") for figure in re.findall(r": (\.\d\d)", SHOWN[name])]
    assert written[: len(printed)] == pytest.approx(printed, abs=0.02)
