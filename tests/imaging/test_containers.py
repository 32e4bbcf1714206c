"""Arrays of other libraries come in as their pixels, and named axes go out again."""

import dask.array
import numpy as np
import pandas as pd
import pytest
import torch
import zarr
from PIL import Image

from sklearn_segae import AESegmenter, PixelEncoder, PixelHead
from sklearn_segae.imaging._axes import is_implausible
from sklearn_segae.imaging._containers import to_array, unpack
from sklearn_segae.imaging._image_batch import check_batch
from sklearn_segae.imaging._validation import check_images
from sklearn_segae.metrics import area_fraction, make_segmentation_scorer, mean_iou
from sklearn_segae.persistence import save
from sklearn_segae.plotting import SegmentationDisplay
from sklearn_segae.storage import name_axes

PICTURE = np.random.default_rng(0).integers(0, 256, (24, 30, 3)).astype(np.uint8)


class Nothing:
    """An estimator of whom only the name is needed."""


@pytest.fixture(scope="module")
def model():
    """Two clusters of colors."""
    return AESegmenter(2, encoder="passthrough", estimator="kmeans", random_state=0).fit([PICTURE])


def objects(*images):
    array = np.empty(len(images), object)
    for i, image in enumerate(images):
        array[i] = image
    return array


@pytest.mark.parametrize(
    "X",
    [
        [Image.fromarray(PICTURE)],
        [torch.from_numpy(PICTURE)],
        torch.from_numpy(PICTURE)[None],
        torch.from_numpy(PICTURE)[None].float(),
        pd.Series([PICTURE], index=[7]),
        objects(PICTURE),
        PICTURE[None].astype(object),
        PICTURE[None].tolist(),
        pd.Series([Image.fromarray(PICTURE)]),
    ],
    ids=["PIL", "tensors", "tensor", "floats", "Series", "objects", "numbers", "lists", "PILs"],
)
def test_containers_hold_the_same_pixels(X, model):
    """Every container gives the images, and so the label map, of the array in it."""
    (image,) = check_images(X)
    np.testing.assert_array_equal(image, PICTURE)
    np.testing.assert_array_equal(model.predict(X)[0], model.predict([PICTURE])[0])


@pytest.mark.parametrize(
    ("mode", "shape"), [("P", (24, 30, 3)), ("CMYK", (24, 30, 3)), ("RGBA", (24, 30, 3))]
)
def test_pictures_come_in_as_from_files(mode, shape):
    """Palettes and inks are colors, and transparency is no channel; in labels, indices stay."""
    picture = Image.fromarray(PICTURE)
    converted = picture.quantize(8) if mode == "P" else picture.convert(mode)
    (image,) = check_images([converted])
    assert image.shape == shape
    np.testing.assert_array_equal(image, np.asarray(converted.convert("RGB")))
    if mode == "P":
        assert to_array(converted).shape == (24, 30)
        assert to_array(converted).max() < 8


def test_one_picture_is_refused():
    """The way out is a list."""
    with pytest.raises(TypeError, match=r"is one picture.*Pass \[X\]"):
        unpack(Image.fromarray(PICTURE))


def test_a_tensor_of_a_type_that_numpy_lacks():
    """The message names the type and the way out."""
    tensor = torch.zeros(1, 8, 8, 3, dtype=torch.bfloat16)
    with pytest.raises(TypeError, match=r"numpy has no torch.bfloat16.*x.float\(\)"):
        check_images(tensor)
    assert check_images(tensor.float())[0].shape == (8, 8, 3)


@pytest.mark.parametrize(
    "shape",
    [(4, 64, 64), (20, 48, 48), (3, 480, 640), (10, 90, 100), (1, 64, 64), (1, 480, 640)],
)
@pytest.mark.parametrize("form", ["list", "stack", "zarr", "dask", "zarr list"])
def test_channels_first_are_refused(shape, form):
    """Where the last axis is rather one of pixels, nothing is guessed."""
    array = np.zeros(shape, np.uint8)
    X = {
        "list": lambda: [array],
        "stack": lambda: np.stack([array, array]),
        "zarr": lambda: zarr.array(array[None]),
        "dask": lambda: dask.array.from_array(array[None]),
        "zarr list": lambda: [zarr.array(array)],
    }[form]()
    with pytest.raises(ValueError, match=r"pixels with \d+ channels.*moveaxis.*name_axes"):
        check_images(X)


@pytest.mark.parametrize(
    "shape",
    [
        *[(83, 86, 204), (145, 145, 200), (610, 340, 103), (20, 20, 200), (9, 9, 200)],
        *[(1, 200, 30), (1, 900, 204), (1, 1, 300), (64, 64, 64), (3, 3, 9), (5, 7, 4)],
    ],
)
def test_cubes_are_accepted(shape):
    """Hyperspectral scenes, patches and lines of pixels have many channels last."""
    assert not is_implausible(*shape)
    assert check_images([np.zeros(shape, np.uint8)])[0].shape == shape


def test_every_advice_about_axes_works():
    """Channels first, gray slices, or right as it is."""
    X = np.arange(2 * 20 * 48 * 48, dtype=np.float32).reshape(2, 20, 48, 48)
    assert check_images(np.moveaxis(X, 1, -1))[0].shape == (48, 48, 20)
    assert len(check_images(X.reshape(-1, 48, 48))) == 40
    images = check_images(name_axes(X, "nyxc"))
    np.testing.assert_array_equal(np.stack(list(map(np.asarray, images))), X)
    (image,) = check_images([name_axes(X[0], "yxc")])
    np.testing.assert_array_equal(image, X[0])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(128, 128), (480, 640), (64, 128)])
def test_a_lone_gray_image_is_refused(dtype, shape):
    """Its rows are no samples; both ways out work."""
    X = np.zeros(shape, dtype)
    with pytest.raises(ValueError, match=r"is this one gray image\? Pass X\[None\]"):
        check_batch(Nothing(), X, reset=True)
    assert not check_batch(Nothing(), X[None], reset=True).is_rows


@pytest.mark.parametrize("shape", [(2000, 103), (300, 20), (60, 60), (21025, 200)])
def test_tables_of_integers_are_rows(shape):
    """Pixels x bands of a sensor are longer than wide, or small."""
    estimator = PixelEncoder()
    assert check_batch(estimator, np.ones(shape, np.uint16), reset=True).is_rows


class TestNamedAxes:
    """xarray.DataArray in, xarray.DataArray out."""

    @pytest.fixture
    def xr(self):
        return pytest.importorskip("xarray")

    @pytest.fixture
    def scene(self, xr):
        """A scene as rioxarray reads it: bands first, with the coordinate of a CRS."""
        coords = {"band": [1, 2, 3], "y": np.arange(24) * -10.0, "x": np.arange(30) * 10.0}
        return xr.DataArray(
            np.moveaxis(PICTURE, -1, 0),
            dims=("band", "y", "x"),
            coords={**coords, "spatial_ref": 0},
            attrs={"_FillValue": 0, "title": "scene"},
        )

    @pytest.mark.parametrize(
        "order", [("band", "y", "x"), ("y", "x", "band"), ("x", "y", "band"), ("x", "band", "y")]
    )
    def test_axes_are_put_in_order_and_back(self, scene, model, order):
        """Maps have the values of the plain array, in the order of the axes that came in."""
        labels = model.predict(scene.transpose(*order))
        assert labels.dims == tuple(name for name in order if name != "band")
        expected = model.predict([PICTURE])[0]
        np.testing.assert_array_equal(labels.transpose("y", "x").values, expected)
        probabilities = model.predict_proba(scene.transpose(*order))
        assert probabilities.dims == order
        np.testing.assert_array_equal(
            probabilities.transpose("y", "x", "band").values, model.predict_proba([PICTURE])[0]
        )

    def test_coordinates_and_attributes_stay(self, scene, model):
        """Those of the channels go, and attributes that describe the values of the image."""
        labels = model.predict(scene)
        assert set(labels.coords) == {"y", "x", "spatial_ref"}
        np.testing.assert_array_equal(labels["y"], scene["y"])
        assert labels.attrs == {"title": "scene"}

    def test_lazy_named_arrays_stay_lazy(self, scene, model):
        """dask inside of xarray gives dask inside of xarray."""
        pytest.importorskip("xarray")
        lazy = model.predict(scene.chunk({"y": 12}))
        assert isinstance(lazy.data, dask.array.Array)
        np.testing.assert_array_equal(lazy.values, model.predict(scene).values)

    def test_results_of_fit(self, scene, tmp_path):
        """`fit_predict` has names, `labels_` has none, so that models can be saved."""
        segmenter = AESegmenter(2, encoder="passthrough", estimator="kmeans", random_state=0)
        labels = segmenter.fit_predict(scene)
        assert labels.dims == ("y", "x")
        np.testing.assert_array_equal(segmenter.labels_[0], labels.values)
        save(segmenter, tmp_path / "model.segae")

    def test_functions_that_go_through_images(self, xr, scene):
        """Areas, regions to label next, scorers, displays and generators see one image."""
        truth = xr.DataArray((PICTURE[..., 0] > 99).astype(int), dims=("y", "x"))
        segmenter = AESegmenter(encoder="passthrough", estimator=PixelHead(max_epochs=3))
        segmenter.fit(scene, truth)
        assert area_fraction(segmenter, scene, truth.T, mask=truth.T >= 0).n_pixels == 720
        (region,) = segmenter.suggest_regions(scene, 1)
        assert region.image == 0
        scorer = make_segmentation_scorer(mean_iou, average="image")
        assert scorer(segmenter, scene, truth.T) == mean_iou(truth, segmenter.predict(scene))
        assert SegmentationDisplay.from_estimator(segmenter, scene).label_maps[0].shape == (24, 30)
        weight = xr.DataArray(np.ones((30, 24)), dims=("x", "y"))
        segmenter.fit(scene, truth, sample_weight=weight)

    def test_lists_and_stacks(self, xr, scene, model):
        """Images of a list may have or lack names; a time axis is that of a stack."""
        part = scene.isel(x=slice(7))
        named, plain = model.predict([part, PICTURE])
        assert named.dims == ("y", "x")
        assert type(plain) is np.ndarray
        times = model.transform(xr.concat([scene, scene], "time"))
        assert times.dims == ("time", "band", "y", "x")
        with pytest.raises(ValueError, match=r"X\[0\] has the dimensions.*several images"):
            model.predict([xr.concat([scene, scene], "time")])

    def test_named_label_maps(self, xr, scene):
        """Label maps may have other orders, or the single band of a file."""
        truth = xr.DataArray(PICTURE[..., 0] > 99, dims=("y", "x"))
        segmenter = AESegmenter(encoder="passthrough", estimator="logistic")
        for y in (truth, truth.T, truth.expand_dims("band"), [truth.values]):
            assert segmenter.fit(scene, y).score(scene, y) > 0.98

    def test_names_that_do_not_fit(self, scene):
        """Several axes of images, and several variables, are refused."""
        with pytest.raises(ValueError, match="images have rows, columns, channels"):
            check_images(scene.expand_dims("time").expand_dims("run"))
        with pytest.raises(TypeError, match=r"the variables \['a'\].*X.to_dataarray\(\)"):
            check_images(scene.to_dataset(name="a"))

    def test_rows_with_names_are_rows(self, xr):
        """Without rows and columns of an image, two axes are a table."""
        table = xr.DataArray(np.ones((20, 3)), dims=("sample", "feature"))
        assert check_batch(PixelEncoder(), table, reset=True).is_rows

    def test_the_crs_of_rioxarray_survives(self, scene, model):
        """Label maps are georeferenced like the image."""
        pytest.importorskip("rioxarray")
        assert model.predict(scene.rio.write_crs(32633)).rio.crs == "EPSG:32633"
