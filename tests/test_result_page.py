"""Pictures and figures of guide pages are those of docs/_before_after.py."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = "\n\n# ".join(path.read_text() for path in sorted((DOCS / "guide").glob("*.md")))
# Pictures, and their captions up to the next heading or block.
SHOWN = re.findall(
    r"images/guide/(\w+)\.png\)\n\n(.*?)(?=\n\n(?:#|```|<|!)|\Z)", PAGES, flags=re.DOTALL
)


@pytest.fixture
def before_after(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    import _before_after

    return _before_after


def figures(caption):
    """Return the scores in a caption."""
    return [float(f"0{figure}") for figure in re.findall(r": (\.\d\d)", caption)]


def test_every_case_is_on_a_page(before_after):
    """Pages show all pictures of the script and no others, with figures, and these are small."""
    assert {name for name, _ in SHOWN} == set(before_after.CASES)
    assert {path.stem for path in before_after.IMAGES.glob("*.png")} == set(before_after.CASES)
    assert all(figures(caption) for _, caption in SHOWN)
    assert all(path.stat().st_size < 80_000 for path in before_after.IMAGES.glob("*.png"))


def test_an_option_helps(before_after):
    """The quickest case, always: what is advised is better by far."""
    target, panels = before_after.uneven_light()
    before, after = before_after.scores(target, panels).values()
    assert after > before + 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({name for name, _ in SHOWN}))
def test_captions_have_the_figures_of_the_script(name, before_after):
    """Each mean IoU in a picture is in every caption of it, in the same order, up to rounding."""
    target, panels = before_after.CASES[name]()
    printed = list(before_after.scores(target, panels).values())
    for caption in (caption for shown, caption in SHOWN if shown == name):
        assert figures(caption)[: len(printed)] == pytest.approx(printed, abs=0.02)
