"""Files of other programs through the commands: axes, channels, pixels without data, soft maps."""

import json
from shutil import rmtree

import h5py
import numpy as np
import pytest
import rasterio
import tifffile
import zarr
from PIL import Image

from sklearn_segae.metrics import matched_accuracy
from sklearn_segae.storage import open_image
from sklearn_segae.storage._files import read_image
from sklearn_segae.storage._label_files import read_labels
from sklearn_segae.storage._pages import open_pages

QUICK = (
    *("--features", "intensity", "--pooling", "0", "-k", "2"),
    *("--set", "encoder__max_epochs=0", "--set", "encoder__n_filters=4"),
)
SIDE = 64
PLACE = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)}


@pytest.fixture
def scene(rng):
    """Two fields in four bands (H, W, 4), and the fields."""
    truth = np.zeros((SIDE, SIDE), int)
    truth[:, SIDE // 2 :] = 1
    bands = 60 + truth[..., None] * np.array([100, 0, 60, 0])
    return np.uint8(bands + rng.integers(0, 9, (SIDE, SIDE, 4))), truth


def write_scene(path, image, **options):
    """Write a GeoTIFF with rasterio."""
    bands = np.moveaxis(image, 2, 0)
    count, height, width = bands.shape
    size = {"count": count, "height": height, "width": width, "dtype": bands.dtype}
    how = {"photometric": "minisblack", "alpha": "unspecified", **PLACE, **options}
    with rasterio.open(path, "w", "GTiff", **size, **how) as file:
        file.write(bands)
    return path


class TestAxes:
    """`--axes`, and what is known without it."""

    @pytest.mark.parametrize("suffix", ["npy", "zarr"])
    def test_axes_that_nobody_names(self, segae, scene, tmp_path, suffix):
        """Channels first are refused; the option that the error names gives the right map."""
        image, truth = scene
        path, out = tmp_path / f"a.{suffix}", tmp_path / "labels.tif"
        planes = np.ascontiguousarray(np.moveaxis(image, 2, 0))
        np.save(path, planes) if suffix == "npy" else zarr.create_array(path, data=planes)
        code, _, err = segae("segment", path, "-o", out, *QUICK)
        assert (code, err.count("\n")) == (1, 1)
        assert "(4, 64, 64), which would be 4 x 64 pixels with 64 channels" in err
        assert "(--axes cyx)" in err
        assert not out.exists()
        assert segae("segment", path, "--axes", "cyx", "-o", out, *QUICK)[0] == 0
        assert matched_accuracy(truth, read_labels(out)[0]) == 1

    def test_declared_axes(self, segae, scene, tmp_path):
        """ImageJ, OME-TIFF, OME-Zarr and ilastik: the same label map, without an option."""
        image, truth = scene
        planes = np.ascontiguousarray(np.moveaxis(image, 2, 0))
        stored = {"metadata": {"axes": "CYX"}, "photometric": "minisblack"}
        tifffile.imwrite(tmp_path / "imagej.tif", planes, imagej=True, metadata={"axes": "CYX"})
        tifffile.imwrite(tmp_path / "ome.ome.tif", planes, **stored)
        group = zarr.open_group(tmp_path / "ngff.zarr", mode="w")
        group.create_array("0", data=planes)
        axes = [{"name": name} for name in "cyx"]
        group.attrs["ome"] = {"multiscales": [{"axes": axes, "datasets": [{"path": "0"}]}]}
        with h5py.File(tmp_path / "ilastik.h5", "w") as file:
            file["exported_data"] = planes
            tags = {"axes": [{"key": name} for name in "cyx"]}
            file["exported_data"].attrs["axistags"] = json.dumps(tags)
        for name in ("imagej.tif", "ome.ome.tif", "ngff.zarr", "ilastik.h5::/exported_data"):
            out = tmp_path / "out"
            code, _, err = segae("segment", tmp_path / name, "-o", out, *QUICK, "--force")
            assert (code, err) == (0, "")
            (written,) = out.iterdir()
            assert written.name.startswith(name.split(".")[0])
            assert matched_accuracy(truth, read_labels(written)[0]) == 1
            rmtree(out)

    def test_a_folder_with_hdf5(self, segae, scene, tmp_path):
        """A file of a single dataset needs no name."""
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["data"] = scene[0]
        assert segae("segment", tmp_path, "-o", tmp_path / "out", *QUICK)[0] == 0
        assert matched_accuracy(scene[1], read_labels(tmp_path / "out" / "a.tif")[0]) == 1


class TestOmeZarr:
    """Label maps of OME-Zarr images are label images, beside them or elsewhere."""

    @pytest.mark.parametrize("version", ["0.4", "0.5"])
    @pytest.mark.parametrize("share", [8, 2**20])
    def test_label_images(self, segae, scene, tmp_path, version, share, monkeypatch):
        """With axes, scale and the list that viewers read, in tiles or not."""
        monkeypatch.setattr("sklearn_segae.cli._batch.SHARE", share)
        path = tmp_path / "a.ome.zarr"
        group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
        group.create_array("0", data=np.ascontiguousarray(np.moveaxis(scene[0], 2, 0)))
        axes = [{"name": name, "unit": "micrometer"} for name in "cyx"]
        scale = [{"type": "scale", "scale": [1, 0.5, 0.25]}]
        levels = [{"path": "0", "coordinateTransformations": scale}]
        content = {"multiscales": [{"axes": axes, "datasets": levels}]}
        group.attrs.update(content if version == "0.4" else {"ome": content})
        for name in ("first", "second"):
            out = path / "labels" / f"{name}.zarr"
            code, _, err = segae("segment", path, "-o", out, "--max-memory", "60MiB", *QUICK)
            assert (code, err) == (0, "")
        labels = zarr.open_group(path / "labels", mode="r")
        listed = labels.attrs.get("ome", labels.attrs)["labels"]
        assert listed == ["first.zarr", "second.zarr"]
        written = open_pages(path / "labels" / "first.zarr", labels=True)
        assert written.source.pixel_size == (0.5, 0.25, "micrometer")
        assert (written.axes, written.source.ngff) == ("YX", version)
        assert matched_accuracy(scene[1], read_labels(written.path)[0]) == 1
        attributes = labels["first.zarr"].attrs
        assert "image-label" in attributes.get("ome", attributes)
        assert open_image(path).shape == (SIDE, SIDE, 4)

    def test_pages(self, segae, scene, tmp_path):
        """Times and slices are axes of the label image, too."""
        stack = np.stack([scene[0], scene[0][::-1], scene[0], scene[0]])
        stack = np.moveaxis(stack, 3, 1).reshape(2, 2, 4, SIDE, SIDE)  # t, z, c, y, x
        path, out = tmp_path / "a.zarr", tmp_path / "labels.zarr"
        group = zarr.open_group(path, mode="w")
        group.create_array("0", data=stack)
        axes = [{"name": name} for name in "tzcyx"]
        group.attrs["ome"] = {"multiscales": [{"axes": axes, "datasets": [{"path": "0"}]}]}
        assert segae("segment", path, "-o", out, *QUICK)[0] == 0
        assert open_pages(out, labels=True).axes == "TZYX"
        maps = read_labels(out)
        assert matched_accuracy([scene[1]] * 4, maps) == 1

    @pytest.mark.filterwarnings("ignore")  # of ome-zarr
    def test_ome_zarr_reads_them(self, segae, scene, tmp_path):
        """The library of the specification's authors finds image and labels."""
        pytest.importorskip("ome_zarr", reason="tested where it is installed")
        from ome_zarr.io import parse_url
        from ome_zarr.reader import Reader
        from ome_zarr.writer import write_image

        path = tmp_path / "a.ome.zarr"
        write_image(np.moveaxis(scene[0], 2, 0), zarr.open_group(path, mode="w"), axes="cyx")
        assert segae("segment", path, "-o", path / "labels" / "two.zarr", *QUICK)[0] == 0
        nodes = list(Reader(parse_url(path))())
        label = next(node for node in nodes if "two.zarr" in str(node.zarr))
        assert matched_accuracy(scene[1], np.asarray(label.data[0])) == 1


class TestChannels:
    """`--channels`, which a model remembers."""

    @pytest.fixture
    def model(self, segae, scene, tmp_path):
        """A model of the first and the third channel."""
        np.save(tmp_path / "a.npy", scene[0])
        path = tmp_path / "m.segae"
        call = ("fit", tmp_path / "a.npy", "--channels", "1,3", "-o", path, *QUICK, "--json")
        code, said, _ = segae(*call)
        assert code == 0
        assert json.loads(said)["n_channels"] == 2
        return path

    def test_they_are_remembered(self, segae, scene, model, tmp_path):
        """Without the option, predict uses the same; noise in the others changes nothing."""
        noisy = scene[0].copy()
        noisy[..., [1, 3]] = np.random.default_rng(1).integers(0, 255, (SIDE, SIDE, 2))
        np.save(tmp_path / "b.npy", noisy)
        code, _, err = segae("predict", model, tmp_path / "b.npy", "-o", tmp_path / "b.png")
        assert (code, err) == (0, "")
        assert matched_accuracy(scene[1], read_labels(tmp_path / "b.png")[0]) == 1
        (about,) = json.loads(segae("info", model, "--json")[1])["files"]
        assert about["learnt"]["channels"] == [1, 3]

    def test_files_without_them_are_named(self, segae, scene, model, tmp_path):
        """A file of two channels is refused; the option that the error names lets it in."""
        np.save(tmp_path / "b.npy", scene[0][..., [0, 2]])
        call = ("predict", model, tmp_path / "b.npy", "-o", tmp_path / "b.png")
        code, _, err = segae(*call)
        assert (code, err.count("\n")) == (1, 1)
        assert f"b.npy: has 2 channels, but {model} was fitted to the channels 1,3" in err
        assert segae(*call, "--channels", err.split("--channels ")[1].strip(". \n"))[0] == 0
        assert matched_accuracy(scene[1], read_labels(tmp_path / "b.png")[0]) == 1

    def test_python_loads_such_a_model(self, scene, model):
        """It predicts images of the chosen channels, without a warning."""
        from sklearn_segae.persistence import load

        labels = load(model).predict([scene[0][..., [0, 2]]])[0]
        assert matched_accuracy(scene[1], labels) == 1

    @pytest.mark.parametrize(("text", "code"), [("0", 2), ("a", 2), ("1,,2", 2), ("5", 1)])
    def test_channels_that_are_none(self, segae, scene, tmp_path, text, code):
        """Numbers begin with 1 and end with those of the file."""
        np.save(tmp_path / "a.npy", scene[0])
        call = ("segment", tmp_path / "a.npy", "-o", tmp_path / "b.png", *QUICK)
        found, _, err = segae(*call, "--channels", text)
        assert found == code
        assert ("1,3" if code == 2 else "--channels 1,2,3,4") in err


class TestNodata:
    """The value of pixels without data goes from GeoTIFFs to label maps."""

    @pytest.mark.parametrize("share", [8, 2**20])
    @pytest.mark.parametrize(("value", "dtype"), [(0, "uint8"), (-7, "int16")])
    def test_label_maps_have_it(self, segae, scene, tmp_path, share, value, dtype, monkeypatch):
        """In tiles or not: no label there, the tag that rasterio reads, CRS and transform."""
        monkeypatch.setattr("sklearn_segae.cli._batch.SHARE", share)
        image, truth = scene[0].astype(dtype), scene[1]
        image[:8] = value
        path = write_scene(tmp_path / "a.tif", image, nodata=value)
        out, overlay = tmp_path / "labels.tif", tmp_path / "overlay.png"
        call = ("segment", path, "-o", out, "--overlay", overlay, "--max-memory", "60MiB")
        code, said, err = segae(*call, "--json", *QUICK)
        assert (code, err) == (0, "")
        with rasterio.open(out) as file:
            labels, valid = file.read(1), file.dataset_mask() > 0
            assert (file.nodata, file.crs.to_epsg(), file.transform) == (
                255,
                32633,
                PLACE["transform"],
            )
        assert (valid[8:]).all()
        assert not valid[:8].any()
        assert matched_accuracy(truth[8:], labels[8:]) == 1
        assert 255 not in json.loads(said)["images"][0]["found"]
        assert read_image(overlay).shape == (SIDE, SIDE, 3)

    def test_info_leaves_it_out_of_the_range(self, segae, scene, tmp_path):
        """Axes, the size of a pixel, and the values of valid pixels."""
        image = scene[0].astype("int16")
        image[:16] = -9999
        path = write_scene(tmp_path / "a.tif", image, nodata=-9999)
        (about,) = json.loads(segae("info", path, "--json")[1])["files"]
        assert about["nodata"] == "-9999"
        assert about["pixels without data"] == "25.0%"
        assert about["values"] == f"{image[16:].min()} to {image[16:].max()}"
        assert about["pixel size"] == "10 x 10 units of the CRS"
        assert (about["axes"], about["shape"], about["channels"]) == ("yxs", "64x64x4", 4)


class TestSoftMaps:
    """`--probabilities` and `--uncertainty`."""

    @pytest.fixture
    def model(self, segae, scene, tmp_path):
        write_scene(tmp_path / "a.tif", scene[0])
        path = tmp_path / "m.segae"
        assert segae("fit", tmp_path / "a.tif", "-o", path, *QUICK)[0] == 0
        return path

    @pytest.mark.parametrize("share", [8, 2**20])
    @pytest.mark.parametrize("suffix", ["tif", "zarr", "npy"])
    def test_they_are_those_of_python(
        self, segae, scene, model, tmp_path, suffix, share, monkeypatch
    ):
        """The same numbers in every format, in tiles or not; TIFFs keep the georeference."""
        from sklearn_segae.persistence import load

        monkeypatch.setattr("sklearn_segae.cli._batch.SHARE", share)
        paths = [tmp_path / f"{name}.{suffix}" for name in ("labels", "p", "u")]
        soft = ("--probabilities", paths[1], "--uncertainty", paths[2], "--max-memory", "60MiB")
        code, said, err = segae("predict", model, tmp_path / "a.tif", "-o", paths[0], *soft)
        assert (code, "georeference" in err) == (0, suffix != "tif")
        assert f"wrote {paths[1]}\nwrote {paths[2]}" in said
        likely, unsure = (np.asarray(open_image(path)[...]) for path in paths[1:])
        fitted = load(model)
        assert (likely.dtype, likely.shape) == (np.float32, (SIDE, SIDE, 2))
        np.testing.assert_allclose(likely, fitted.predict_proba([scene[0]])[0], atol=1e-5)
        np.testing.assert_allclose(unsure, fitted.uncertainty([scene[0]])[0], atol=1e-4)
        np.testing.assert_array_equal(likely.argmax(2), np.asarray(open_image(paths[0])[...]))
        if suffix == "tif":
            with rasterio.open(paths[1]) as file:
                assert (file.count, file.transform) == (2, PLACE["transform"])
                np.testing.assert_array_equal(file.read(2), likely[..., 1])

    def test_pixels_without_data_have_none(self, segae, scene, model, tmp_path):
        """They are NaN, as the tag says; folders get a TIFF for every image."""
        image = scene[0].copy()
        image[:8] = 0
        write_scene(tmp_path / "b.tif", image, nodata=0)
        call = ("predict", model, tmp_path / "b.tif", "-o", tmp_path / "l", "--json")
        code, said, _ = segae(*call, "--uncertainty", tmp_path / "u")
        assert code == 0
        path = tmp_path / "u" / "b.tif"
        assert json.loads(said)["images"][0]["uncertainty"] == str(path)
        with rasterio.open(path) as file:
            assert np.isnan(file.nodata)
            assert (np.isnan(file.read(1)) == (image == 0).all(2)).all()

    def test_formats_and_files_that_are_there(self, segae, model, tmp_path):
        """Pictures hold no fractions; nothing is overwritten."""
        call = ("predict", model, tmp_path / "a.tif", "-o", tmp_path / "l.tif")
        code, _, err = segae(*call, "--probabilities", tmp_path / "p.png")
        assert code == 1
        assert "p.png: .png holds no fractions. Use .tif" in err
        (tmp_path / "u.tif").write_text("precious")
        code, _, err = segae(*call, "--uncertainty", tmp_path / "u.tif")
        assert code == 1
        assert "u.tif: exists. Pass --force" in err

    def test_estimators_without_probabilities(self, segae, scene, model, tmp_path):
        """They are named before anything is written."""
        from sklearn.linear_model import RidgeClassifier

        from sklearn_segae import AESegmenter
        from sklearn_segae.persistence import save

        segmenter = AESegmenter(encoder="passthrough", estimator=RidgeClassifier(), random_state=0)
        save(segmenter.fit([scene[0]], [scene[1]]), tmp_path / "ridge.segae")
        call = ("predict", tmp_path / "ridge.segae", tmp_path / "a.tif", "-o", tmp_path / "l.tif")
        code, _, err = segae(*call, "--uncertainty", tmp_path / "u.tif")
        assert (code, err.count("\n")) == (1, 1)
        assert "--uncertainty: the estimator RidgeClassifier(" in err
        assert "has no probabilities" in err
        assert not (tmp_path / "l.tif").exists()


class TestNoDataOfEveryFormat:
    """Pixels without data have no part in fits, and no label."""

    @pytest.mark.parametrize("kind", ["tif", "png", "npy"])
    def test_commands(self, segae, scene, tmp_path, kind):
        """Of a GeoTIFF, a transparent picture, and NaN: fit, predict and segment."""
        image, truth = scene[0][..., :3].astype(np.uint8), scene[1]
        path = tmp_path / f"a.{kind}"
        found = []
        for value in (0, 250):
            image[:20] = value
            if kind == "tif":
                write_scene(path, image, nodata=value)
            elif kind == "png":
                alpha = np.full((SIDE, SIDE, 1), 255, np.uint8)
                alpha[:20] = 0
                Image.fromarray(np.concatenate([image, alpha], 2)).save(path)
            else:
                floats = image.astype(np.float32)
                floats[:20, :, value % 3] = np.nan
                np.save(path, floats)
            out, model = tmp_path / f"l{value}.tif", tmp_path / f"m{value}.segae"
            assert segae("fit", path, "-o", model, *QUICK)[0] == 0
            assert segae("predict", model, path, "-o", out)[0] == 0
            (labels,) = read_labels(out)
            again = tmp_path / f"s{value}.png"
            assert segae("segment", path, "-o", again, *QUICK)[0] == 0
            (pictured,) = read_labels(again)
            assert (pictured[:20] == 255).all()
            found.append(labels)
        np.testing.assert_array_equal(*found)
        assert (labels[:20] == -1).all()
        assert matched_accuracy(truth[20:], labels[20:]) > 0.95


class TestLabels:
    """Label files of other programs."""

    @pytest.mark.parametrize("form", ["NaN", "nodata", "uint32"])
    def test_label_files_of_other_programs(self, segae, scene, tmp_path, form):
        """Floats with NaN, a declared value of pixels without data, and large labels."""
        image, truth = scene
        write_scene(tmp_path / "a.tif", image)
        labels = np.where(truth == 1, 2**32 - 2, 7) if form == "uint32" else truth + 1.0
        dtype, options = (np.uint32, {}) if form == "uint32" else (np.float32, {})
        if form != "uint32":
            labels[:, 20:40] = np.nan if form == "NaN" else -9999
        if form == "nodata":
            options = {"nodata": -9999}
        write_scene(tmp_path / "y.tif", labels[..., None].astype(dtype), **options)
        code, _, err = segae(
            *(
                "fit",
                tmp_path / "a.tif",
                "--labels",
                tmp_path / "y.tif",
                "-o",
                tmp_path / "m.segae",
            ),
            *("--estimator", "logistic", "--features", "intensity", "--pooling", "0"),
            *("--set", "encoder__max_epochs=0", "--set", "encoder__n_filters=4"),
        )
        assert (code, err) == (0, "")
        out = tmp_path / "out.tif"
        assert segae("predict", tmp_path / "m.segae", tmp_path / "a.tif", "-o", out)[0] == 0
        expected = labels if form == "uint32" else truth + 1
        np.testing.assert_array_equal(read_labels(out)[0], expected)

    def test_named_axes_that_look_wrong(self, segae, tmp_path, rng):
        """A narrow strip is used as it is, once its axes are named."""
        strip = rng.normal(size=(20, 60, 50)).astype(np.float32)
        strip[:, 30:] += 9
        np.save(tmp_path / "a.npy", strip)
        out = tmp_path / "labels.tif"
        assert segae("segment", tmp_path / "a.npy", "-o", out, *QUICK)[0] == 1
        code, _, err = segae("segment", tmp_path / "a.npy", "--axes", "yxc", "-o", out, *QUICK)
        assert (code, err) == (0, "")
        assert matched_accuracy(np.indices((20, 60))[1] // 30, read_labels(out)[0]) == 1
