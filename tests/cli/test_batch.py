"""Outputs that cannot be are refused before anything is learnt."""

import os

import numpy as np
import pytest

from sklearn_segae.storage._files import write_image

# A fit would refuse this at once: a command that complains of its outputs has not begun to learn.
UNFIT = ("--set", "encoder__max_epochs=-1")
ALL = {
    "segment": ("segment", "a.png", "-k", "2", *UNFIT),
    "both": ("segment", "a.png", "b.png", "-k", "2", *UNFIT),
    "fit": ("fit", "a.png", "-k", "2", *UNFIT),
    "predict": ("predict", "m.segae", "a.png"),  # a model that is none: it is not even opened
    "demo": ("demo",),
}


@pytest.fixture
def folder(tmp_path, rng):
    """A folder with two photographs, something of value, and a model that is none."""
    for name in ("a", "b"):
        write_image(tmp_path / f"{name}.png", rng.integers(0, 255, (64, 64, 3), np.uint8))
    for name in ("old.png", "old.segae", "m.segae", "demo/photo.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("precious")
    return tmp_path


@pytest.fixture
def refusal(folder, segae, monkeypatch):
    """Run a command in the folder; return the one line with which it ended in error."""

    def refusal(command, *options):
        before = contents(folder)
        code, out, err = segae(*ALL[command], *options)
        assert (code, out) == (1, "")
        assert contents(folder) == before
        assert err.startswith("segae: ")
        assert err.count("\n") == 1
        return err.removeprefix("segae: ").strip()

    monkeypatch.chdir(folder)
    return refusal


def contents(folder):
    return {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


@pytest.mark.parametrize(
    ("command", "options", "why"),
    [
        ("segment", ("-o", "x.doc"), "x.doc: .doc is not a label map format"),
        ("segment", ("-o", "x.jpg"), "x.jpg: .jpg loses labels. Use .png, .bmp, .tif"),
        ("predict", ("-o", "x.jpg"), "x.jpg: .jpg loses labels. Use .png, .bmp, .tif"),
        ("segment", ("-o", "x.png", "--overlay", "y.npy"), "y.npy: .npy is not a picture format"),
        ("predict", ("-o", "x.png", "--overlay", "y.doc"), "y.doc: .doc is not a picture format"),
        ("segment", ("-o", "x.png", "--format", "npy"), "x.png: is not a .npy file"),
        ("fit", ("-o", "x.png"), "x.png: .png is an image format, not a model format. Use .segae."),
        ("both", ("-o", "x.png"), "--out x.png: is one file, but there are 2 images"),
        ("both", ("-o", "x", "--overlay", "y.png"), "--overlay y.png: is one file, but there are"),
    ],
)
def test_formats(refusal, command, options, why):
    """A suffix that the output cannot have is named, with those that it can have."""
    assert refusal(command, *options).startswith(why)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("segment", ("-o", "old.png/x.png")),
        ("segment", ("-o", "x.png", "--overlay", "old.png/deeper/x.png")),
        ("fit", ("-o", "old.png/x.segae")),
        ("predict", ("-o", "old.png/x.png")),
        ("demo", ("-o", "old.png")),
    ],
)
def test_folders_that_cannot_be(refusal, command, options):
    """Missing folders are made, but not where a file is in the way."""
    assert refusal(command, *options).endswith("old.png is a file.")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do anything")
@pytest.mark.parametrize("command", ["segment", "fit", "predict", "demo"])
def test_folders_of_others(folder, refusal, command):
    """Where nothing can be written, nothing is learnt."""
    (folder / "closed").mkdir(mode=0o500)
    out = {"demo": "closed/d", "fit": "closed/x.segae"}.get(command, "closed/x.png")
    assert refusal(command, "-o", out).endswith("closed is not writable.")


@pytest.mark.parametrize(
    ("command", "options", "name"),
    [
        ("segment", ("-o", "old.png"), "old.png"),
        ("segment", ("-o", "x.png", "--overlay", "old.png"), "old.png"),
        ("fit", ("-o", "old.segae"), "old.segae"),
        ("predict", ("-o", "old.png"), "old.png"),
        ("predict", ("-o", "x.png", "--overlay", "old.png"), "old.png"),
        ("demo", (), "demo/photo.png"),
    ],
)
def test_files_that_are_there(refusal, command, options, name):
    """Without --force they stay, whichever output they are in the way of."""
    said = refusal(command, *options)
    assert said == f"{name}: exists. Pass --force to overwrite it."


def test_learning_refuses_what_marks_its_begin(folder, segae, monkeypatch):
    """Where the output may be, the same command ends with the error of the fit."""
    monkeypatch.chdir(folder)
    code, _, err = segae(*ALL["segment"], "-o", "x.png")
    assert code == 1
    assert "'max_epochs' parameter" in err
