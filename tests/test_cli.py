"""The command `segae`, run as a user would."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sklearn_segae import __version__
from sklearn_segae._files import read_image, write_image
from sklearn_segae.datasets import make_shapes
from sklearn_segae.metrics import matched_accuracy

SEGAE = shutil.which("segae", path=str(Path(sys.executable).parent))


def segae(*arguments):
    return subprocess.run(
        [SEGAE, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two photographs on disk, and their labels."""
    folder = tmp_path_factory.mktemp("photos")
    images, labels = make_shapes(2, size=64, noise=0.05, n_channels=3, random_state=0)
    for i, image in enumerate(images):
        write_image(folder / f"photo{i}.png", np.uint8(255 * np.clip(image, 0, 1)))
    return folder, labels


def test_segment_writes_a_label_map_and_an_overlay(photos, tmp_path):
    """Labels 0 to k - 1 that are right, and a picture of the same size."""
    folder, truth = photos
    out, overlay = tmp_path / "labels.png", tmp_path / "sub" / "overlay.png"
    run = segae("segment", folder / "photo0.png", "-k", 3, "-o", out, "--overlay", overlay)
    assert (run.returncode, run.stderr.count("Traceback")) == (0, 0)
    assert run.stdout.startswith("3 segments in ")
    assert f"wrote {out}" in run.stdout
    assert matched_accuracy(truth[0], read_image(out)) > 0.8
    assert read_image(overlay).shape == (64, 64, 3)


def test_many_images_share_one_model(photos, tmp_path):
    """A label means the same in every map of one call; TIFF and npy are written too."""
    folder, truth = photos
    names = [folder / "photo0.png", folder / "photo1.png"]
    run = segae("segment", *names, "-k", 3, "-o", tmp_path / "out", "--min-size", 9)
    assert run.returncode == 0
    maps = [read_image(tmp_path / "out" / f"photo{i}.png") for i in range(2)]
    assert matched_accuracy(list(truth), maps) > 0.8


def test_the_cue_is_passed_on(photos, tmp_path):
    """Read as textures, bright shapes give other segments; an unknown cue is refused."""
    folder, _ = photos
    maps = []
    for cue in ("colour", "texture"):
        out = tmp_path / f"{cue}.png"
        assert (
            segae("segment", folder / "photo0.png", "-k", 3, "-o", out, "--cue", cue).returncode
            == 0
        )
        maps.append(read_image(out))
    assert matched_accuracy(*maps) < 0.95
    assert segae("segment", folder / "photo0.png", "-o", out, "--cue", "smell").returncode == 2


def test_errors_are_one_line(tmp_path):
    """A missing and an unreadable file: what, why, exit code 1, nothing written."""
    (tmp_path / "text.png").write_text("not an image")
    out = tmp_path / "labels.png"
    for name, message in (("none.png", "there is no such file"), ("text.png", "not a readable")):
        run = segae("segment", tmp_path / name, "-o", out)
        assert run.returncode == 1
        assert run.stderr.strip().count("\n") == 0
        assert message in run.stderr
        assert name in run.stderr
    assert not out.exists()


def test_nothing_is_overwritten(photos, tmp_path):
    """Without --force an existing file stays as it was."""
    folder, _ = photos
    out = tmp_path / "labels.png"
    out.write_text("precious")
    run = segae("segment", folder / "photo0.png", "-o", out)
    assert run.returncode == 1
    assert "--force" in run.stderr
    assert out.read_text() == "precious"


def test_help_and_version():
    """The help has examples; the version is the package's."""
    assert segae("--version").stdout.strip() == __version__
    assert "segae segment photo.jpg -k 4" in segae("segment", "--help").stdout
