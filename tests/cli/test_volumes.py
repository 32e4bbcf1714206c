"""`segae` on volumes: files with slices that are a third spatial axis."""

import json

import numpy as np
import pytest
import tifffile
import zarr

from sklearn_segae.metrics import matched_accuracy
from sklearn_segae.persistence import load
from sklearn_segae.storage import open_image, read_spacing
from sklearn_segae.storage._files import read_image
from sklearn_segae.storage._label_files import read_labels
from sklearn_segae.storage._pages import open_pages

QUICK = (
    *("--features", "intensity"),
    *("--set", "encoder__max_epochs=0"),
    *("--set", "encoder__n_filters=4"),
)
SIDES = (9, 24, 28)
SIZES = {"PhysicalSizeZ": 2.0, "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.5}


@pytest.fixture(scope="module")
def volume():
    """A noisy ball of long voxels, and where it is."""
    places = np.stack(np.mgrid[: SIDES[0], : SIDES[1], : SIDES[2]]) - np.reshape(
        [4, 12, 14], (3, 1, 1, 1)
    )
    truth = ((places * np.reshape([4, 1, 1], (3, 1, 1, 1))) ** 2).sum(0) < 9**2
    noise = np.random.default_rng(0).normal(0, 20, SIDES)
    return np.uint8(np.clip(80 + 80 * truth + noise, 0, 255)), truth.astype(np.uint8)


@pytest.fixture(scope="module")
def folder(volume, tmp_path_factory):
    """The volume in several formats, and its label map; a model that was fitted to both."""
    folder = tmp_path_factory.mktemp("volumes")
    pixels, truth = volume
    tifffile.imwrite(folder / "a.ome.tif", pixels, metadata={"axes": "ZYX", **SIZES})
    calibration = {"axes": "ZYX", "spacing": 2, "unit": "um"}
    tifffile.imwrite(folder / "j.tif", pixels, imagej=True, resolution=(2, 2), metadata=calibration)
    tifffile.imwrite(folder / "pages.tif", pixels)
    np.save(folder / "a.npy", pixels)
    write_ome_zarr(folder / "a.ome.zarr", pixels)
    tifffile.imwrite(folder / "truth.tif", truth)
    return folder


@pytest.fixture(scope="module")
def model(folder):
    from sklearn_segae.cli._app import main

    path = folder / "ball.segae"
    command = ["fit", folder / "a.ome.tif", "--volume", "--labels", folder / "truth.tif"]
    command += ["--estimator", "logistic"]
    with pytest.raises(SystemExit) as end:
        main([*map(str, command), "-o", str(path), "-q", *QUICK])
    assert not end.value.code
    return path


def write_ome_zarr(path, pixels):
    group = zarr.open_group(path, mode="w")
    group.create_array("0", data=pixels[None, None])
    axes = [{"name": name, "unit": "micrometer"} for name in "tczyx"]
    scale = [{"type": "scale", "scale": [1, 1, 2, 0.5, 0.5]}]
    levels = [{"path": "0", "coordinateTransformations": scale}]
    content = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
    group.attrs["ome"] = content


SPACED = ["a.ome.tif", "j.tif", "a.ome.zarr"]


@pytest.mark.parametrize("name", [*SPACED, "pages.tif", "a.npy"])
def test_segment(segae, folder, volume, tmp_path, name):
    """With the spacing of the file or of the user; label maps have the axes and the scale."""
    out = tmp_path / f"labels{(folder / name).suffix}"
    how = ["--volume"] if name in SPACED else ["--spacing", "2,0.5,0.5"]
    code, said, err = segae("segment", folder / name, *how, "-k", 2, "-o", out, "--json", *QUICK)
    assert (code, err) == (0, "")
    assert json.loads(said)["spacing"] == [2, 0.5, 0.5]
    (labels,) = read_labels(out, volume=True)
    assert labels.shape == SIDES
    assert matched_accuracy([volume[1]], [labels]) > 0.95
    if name in SPACED:
        assert read_spacing(out) == (2, 0.5, 0.5)
        assert open_pages(out).axes == "ZYX"


def test_slices_are_images_by_default(segae, folder, tmp_path):
    """As before; a note says so where the file has slices. Explicit axes do not change it."""
    maps = []
    for axes in ((), ("--axes", "zyx")):
        out = tmp_path / f"{len(axes)}.tif"
        code, _, err = segae("segment", folder / "a.ome.tif", "-k", 2, "-o", out, *axes, *QUICK)
        assert code == 0
        assert "each slice is an image of its own. Pass --volume" in err
        maps.append(read_labels(out))
    np.testing.assert_array_equal(*maps)
    code, _, err = segae("segment", folder / "pages.tif", "-k", 2, "-o", tmp_path / "p.tif", *QUICK)
    assert (code, err) == (0, "")


def test_axes_that_users_name(segae, volume, tmp_path):
    """In any order; labels are (D, H, W)."""
    np.save(tmp_path / "a.npy", volume[0].transpose(1, 2, 0))
    out = tmp_path / "labels.npy"
    options = ("--axes", "yxz", "--spacing", "4,1,1", "-k", 2)
    assert segae("segment", tmp_path / "a.npy", *options, "-o", out, *QUICK)[0] == 0
    assert matched_accuracy([volume[1]], [np.load(out)]) > 0.95


@pytest.mark.parametrize("name", [*SPACED, "pages.tif", "a.npy"])
@pytest.mark.parametrize("share", [8, 2**20])
def test_predict(segae, folder, model, volume, tmp_path, name, share, monkeypatch):
    """A model knows that it was fitted to volumes; whole and tile by tile, the same labels."""
    monkeypatch.setattr("sklearn_segae.cli._batch.SHARE", share)
    out = tmp_path / f"labels{(folder / name).suffix}"
    overlay = ("--overlay", tmp_path / "overlay.png")
    code, _, err = segae("predict", model, folder / name, "-o", out, *overlay)
    assert (code, err) == (0, "")
    (labels,) = read_labels(out, volume=True)
    expected = load(model).predict([volume[0]])[0]
    np.testing.assert_array_equal(labels, expected)
    # In units of the shortest side of a voxel, slices are 4 thick; views are 3 pixels apart.
    assert read_image(tmp_path / "overlay.png").shape == (24 + 3 + 36, 28 + 3 + 36, 3)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("suffix", ["tif", "zarr", "npy"])
@pytest.mark.parametrize("share", [8, 2**20])
def test_soft_maps(segae, folder, model, volume, tmp_path, suffix, share, monkeypatch):
    """Probabilities (D, H, W, k) and uncertainty (D, H, W)."""
    monkeypatch.setattr("sklearn_segae.cli._batch.SHARE", share)
    p, u = tmp_path / f"p.{suffix}", tmp_path / f"u.{suffix}"
    call = ("predict", model, folder / "a.ome.tif", "-o", tmp_path / "labels.tif")
    assert segae(*call, "--probabilities", p, "--uncertainty", u)[0] == 0
    segmenter = load(model)
    options = {"axes": "zyxc"} if suffix == "zarr" else {}
    found = np.asarray(open_image(p, volume=True, **options))
    np.testing.assert_array_equal(found, np.float32(segmenter.predict_proba([volume[0]])[0]))
    found = np.asarray(open_image(u, volume=True))
    np.testing.assert_array_equal(found, np.float32(segmenter.uncertainty([volume[0]])[0]))


@pytest.mark.parametrize("share", [8, 2**20])
def test_label_images_beside_their_volume(segae, model, volume, tmp_path, share, monkeypatch):
    """In the list that viewers read, with three spatial axes, their units and scale."""
    monkeypatch.setattr("sklearn_segae.cli._batch.SHARE", share)
    path = tmp_path / "a.ome.zarr"
    write_ome_zarr(path, volume[0])
    assert segae("predict", model, path, "-o", path / "labels" / "ball.zarr")[0] == 0
    labels = zarr.open_group(path / "labels", mode="r")
    assert labels.attrs["ome"]["labels"] == ["ball.zarr"]
    (scales,) = labels["ball.zarr"].attrs["ome"]["multiscales"]
    assert scales["axes"] == [
        {"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"
    ]
    assert labels["ball.zarr/0"].shape == SIDES
    assert read_spacing(path / "labels" / "ball.zarr") == (2, 0.5, 0.5)


def test_axes_of_volumes_only(segae, folder, model, volume, tmp_path):
    """A file whose axes would be implausible as those of an image is read for the model."""
    np.save(tmp_path / "wide.npy", volume[0].transpose(0, 2, 1))
    code, _, err = segae("predict", model, tmp_path / "wide.npy", "-o", tmp_path / "x.npy")
    assert (code, err) == (0, "")
    call = ("fit", folder / "pages.tif", "-k", 2, "-o", tmp_path / "flat.segae", *QUICK)
    assert segae(*call)[0] == 0
    call = ("predict", tmp_path / "flat.segae", tmp_path / "wide.npy", "-o", tmp_path / "y.npy")
    code, _, err = segae(*call)
    assert code == 1
    assert "Name its axes" in err


def test_volumes_of_several_times(segae, model, volume, tmp_path):
    """A file may hold several volumes, and its label map has as many."""
    stack = np.stack([volume[0], volume[0][:, ::-1]])
    path, out = tmp_path / "t.ome.tif", tmp_path / "labels.tif"
    tifffile.imwrite(path, stack, metadata={"axes": "TZYX", **SIZES})
    assert segae("predict", model, path, "-o", out, "--overlay", tmp_path / "o.png")[0] == 0
    assert open_pages(out).axes == "TZYX"
    maps = read_labels(out, volume=True)
    assert [m.shape for m in maps] == [SIDES] * 2
    assert matched_accuracy([volume[1], volume[1][:, ::-1]], maps) > 0.95
    assert (tmp_path / "o-2.png").exists()


def test_strokes_in_slices(segae, folder, volume, tmp_path):
    """Labels of some slices; the others are unlabeled by a label to leave out."""
    strokes = np.zeros_like(volume[1])
    strokes[[2, 4]] = 1 + volume[1][[2, 4]]
    zarr.save_array(tmp_path / "strokes.zarr", strokes)
    out = tmp_path / "m.segae"
    call = ("fit", folder / "a.npy", "--labels", tmp_path / "strokes.zarr", "--ignore-label", 0)
    call = (*call, "--estimator", "logistic")
    assert segae(*call, "--spacing", "4,1,1", "-o", out, *QUICK)[0] == 0
    labels = load(out).predict([volume[0]])[0]
    assert np.mean(labels == 1 + volume[1]) > 0.95


def test_evaluate(segae, folder, volume, tmp_path):
    """Scores of volumes: boundaries have three axes, and a tolerance in the unit of spacing."""
    shifted = np.roll(volume[1], 1, 0)
    tifffile.imwrite(tmp_path / "truth.tif", shifted)
    call = ("evaluate", tmp_path / "truth.tif", "--truth", folder / "truth.tif", "--json")

    def scores(*options):
        return json.loads(segae(*call, "--metric", "boundary-f1", *options)[1])["pooled"]

    assert scores("--spacing", "4,1,1", "--tolerance", 3)["boundary-f1"] < 1
    assert scores("--spacing", "4,1,1", "--tolerance", 4)["boundary-f1"] == 1
    assert scores("--volume", "--tolerance", 1)["boundary-f1"] == 1
    assert scores("--tolerance", 1)["boundary-f1"] < 1


def test_info(segae, folder, model):
    """Axes, sides and spacing of a file; the spacing of a model."""
    said = segae("info", folder / "a.ome.zarr", "--volume")[1]
    for line in (
        "axes                     tczyx",
        "depth                    9",
        "2 x 0.5 x 0.5 micro",
    ):
        assert line in said
    assert "spacing" in segae("info", folder / "j.tif")[1]
    assert json.loads(segae("info", model, "--json")[1])["files"][0]["learnt"]["spacing"] == [
        2,
        0.5,
        0.5,
    ]


class TestRefusals:
    """One line, with a way out that works."""

    def test_unknown_spacing(self, segae, folder, tmp_path):
        call = ("segment", folder / "a.npy", "-o", tmp_path / "x.npy", *QUICK)
        code, _, err = segae(*call, "--volume")
        assert code == 1
        assert "a.npy: does not contain the spacing of its voxels. Pass --spacing Z,Y,X" in err
        assert segae(*call, "--spacing", "1,1,1")[0] == 0

    def test_two_spacings(self, segae, folder, volume, tmp_path):
        sizes = {**SIZES, "PhysicalSizeZ": 0.5}
        tifffile.imwrite(tmp_path / "b.tif", volume[0], ome=True, metadata={"axes": "ZYX", **sizes})
        call = ("fit", folder / "a.ome.tif", tmp_path / "b.tif", "-o", tmp_path / "m.segae", *QUICK)
        code, _, err = segae(*call, "--volume")
        assert code == 1
        assert "b.tif: has voxels of 0.5 x 0.5 x 0.5, but" in err
        assert "Use several calls, or pass --spacing" in err
        assert segae(*call, "--spacing", "2,1,1")[0] == 0

    def test_other_spacing_than_fitted(self, segae, folder, model, volume, tmp_path):
        """A warning with both; with other units of the same ratios there is none."""
        for z, warned in ((1.0, True), (2.0, False)):
            path = tmp_path / f"{z}.tif"
            sizes = {f"PhysicalSize{a}": s for a, s in zip("ZYX", (z, 0.5, 0.5), strict=True)}
            tifffile.imwrite(path, volume[0], ome=True, metadata={"axes": "ZYX", **sizes})
            code, _, err = segae("predict", model, path, "-o", tmp_path / "o.tif", "--force")
            assert code == 0
            assert ("voxels of 1 x 0.5 x 0.5, but" in err and "2 x 0.5 x 0.5" in err) is warned
        call = ("predict", model, folder / "a.npy", "-o", tmp_path / "o.npy")
        assert "voxels of 1 x 1 x 1, but" in segae(*call, "--spacing", "1,1,1")[2]

    def test_a_model_of_images(self, segae, folder, tmp_path):
        model = tmp_path / "flat.segae"
        assert segae("fit", folder / "pages.tif", "-k", 2, "-o", model, *QUICK)[0] == 0
        call = ("predict", model, folder / "a.ome.tif", "-o", tmp_path / "x.tif")
        code, _, err = segae(*call, "--volume")
        assert code == 1
        assert "flat.segae: was fitted to images, but --volume" in err
        assert segae(*call)[0] == 0

    @pytest.mark.parametrize(
        ("options", "why"),
        [
            (("--spacing", "2,1"), "three sides of a voxel"),
            (("--spacing", "2,1,0"), "three sides of a voxel"),
            (("--set", "spacing=(2,1,1)"), "write --spacing Z,Y,X"),
            (("--spacing", "1,1,1", "--axes", "tyx"), "has no z, the slices of a volume"),
            (("--volume", "--format", "png"), "holds volumes. Use .tif, .tiff, .npy, .zarr."),
        ],
    )
    def test_options(self, segae, folder, tmp_path, options, why):
        code, _, err = segae("segment", folder / "a.ome.tif", "-o", tmp_path / "out", *options)
        assert code
        assert why in " ".join(err.replace("│", " ").split())

    def test_label_maps_of_other_sides(self, segae, folder, volume, tmp_path):
        np.save(tmp_path / "labels.npy", volume[1][:5])
        call = ("fit", folder / "a.ome.tif", "--volume", "--labels", tmp_path / "labels.npy")
        code, _, err = segae(*call, "-o", tmp_path / "m.segae", *QUICK)
        assert code == 1
        assert "labels.npy: 5 x 24 x 28, but" in err
        assert "has 9 x 24 x 28" in err
