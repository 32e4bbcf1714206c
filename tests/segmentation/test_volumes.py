"""Segmentation of volumes."""

import numpy as np
import pytest
from scipy import ndimage
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.metrics import make_segmentation_scorer
from sklearn_segae.persistence import load, save

CUBES = (1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def ball():
    """A noisy ball, and where it is."""
    rng = np.random.default_rng(0)
    places = np.stack(np.mgrid[:20, :28, :36]) - np.reshape([10, 14, 18], (3, 1, 1, 1))
    truth = ((places**2).sum(0) < 8**2).astype(int)
    return (truth + rng.normal(0, 0.4, truth.shape)).astype(np.float32), truth


@pytest.fixture(scope="module")
def fitted(ball):
    """A segmenter of the ball, without labels."""
    return AESegmenter(2, spacing=CUBES, random_state=0).fit([ball[0]])


def agreement(labels, truth):
    same = np.mean(labels == truth)
    return max(same, 1 - same)


def test_neighbors_along_all_axes_reduce_noise(ball, fitted):
    """Slice by slice, there are fewer of them."""
    volume, truth = ball
    assert fitted.spacing_ == CUBES
    assert fitted.encoder_.pooling_ > 0
    slices = AESegmenter(2, random_state=0).fit_predict(volume)
    assert agreement(fitted.labels_[0], truth) > max(0.97, agreement(slices, truth))


def test_outputs_have_the_shape_of_the_volume(ball, fitted):
    """Labels, probabilities, uncertainty and codes; in a stack or a list as given."""
    volume, _ = ball
    assert fitted.predict(volume[None]).shape == (1, *volume.shape)
    assert fitted.predict_proba([volume])[0].shape == (*volume.shape, 2)
    assert fitted.uncertainty([volume])[0].shape == volume.shape
    assert fitted.transform([volume])[0].shape[:3] == volume.shape
    np.testing.assert_array_equal(fitted.predict([volume])[0], fitted.labels_[0])


def test_a_part_of_a_model_file_is_the_spacing(ball, fitted, tmp_path):
    """A model that is loaded segments volumes as before."""
    save(fitted, tmp_path / "model.segae")
    restored = load(tmp_path / "model.segae")
    assert restored.spacing_ == CUBES
    np.testing.assert_array_equal(restored.predict([ball[0]])[0], fitted.labels_[0])


@pytest.mark.parametrize("spacing", [CUBES, (3, 1, 1)])
def test_labels_of_one_slice_segment_the_volume(ball, spacing, tmp_path):
    """Trees learn from strokes in one slice."""
    volume, truth = ball
    y = np.full(truth.shape, -1)
    y[10] = truth[10]
    model = AESegmenter(estimator="trees", spacing=spacing, random_state=0).fit([volume], [y])
    labels = model.predict([volume])[0]
    assert np.mean(labels == truth) > 0.97
    assert model.score([volume], [truth]) == np.mean(labels == truth)


class TestStorage:
    def test_memory_maps_and_out(self, ball, fitted, tmp_path):
        """Volumes on disk are read tile by tile, and label maps are written so."""
        path = tmp_path / "volume.npy"
        np.save(path, ball[0])
        stored = np.load(path, mmap_mode="r")
        out = np.lib.format.open_memmap(tmp_path / "labels.npy", "w+", np.int32, ball[0].shape)
        assert fitted.predict([stored], out=[out])[0] is out
        np.testing.assert_array_equal(out, fitted.labels_[0])

    def test_zarr_and_dask(self, ball, fitted):
        """The answer for a dask array is lazy, and the same, whatever its chunks are."""
        zarr, array = pytest.importorskip("zarr"), pytest.importorskip("dask.array")
        stored = zarr.array(ball[0], chunks=(8, 16, 16))
        np.testing.assert_array_equal(fitted.predict([stored])[0], fitted.labels_[0])
        lazy = fitted.predict(array.from_array(ball[0][None], chunks=(1, 10, 14, 36)))
        assert hasattr(lazy, "dask")
        np.testing.assert_array_equal(lazy.compute()[0], fitted.labels_[0])

    def test_named_axes(self, ball, fitted):
        """With z, y and x in any order; label maps have the coordinates."""
        xarray = pytest.importorskip("xarray")
        coords = {"z": np.arange(20) * 2.0}
        named = xarray.DataArray(ball[0], dims=["z", "y", "x"], coords=coords)
        labels = fitted.predict(named.transpose("y", "z", "x"))
        assert labels.dims == ("y", "z", "x")
        np.testing.assert_array_equal(labels.transpose("z", "y", "x"), fitted.labels_[0])
        np.testing.assert_array_equal(labels.z, coords["z"])
        with pytest.raises(ValueError, match="which need z"):
            fitted.predict(named.rename(z="t"))


class TestOptions:
    def test_small_regions_are_merged(self, ball):
        """Regions of voxels that share faces."""
        model = AESegmenter(2, spacing=CUBES, min_size=200, random_state=0)
        labels = model.fit_predict([ball[0]])[0]
        for value in (0, 1):
            regions, _ = ndimage.label(labels == value)
            assert np.bincount(regions.ravel())[1:].min() >= 200

    @pytest.mark.parametrize("encoder", ["passthrough", PCA(3)])
    def test_cubes_of_voxels_are_rows(self, ball, encoder):
        """Any transformer gets the patch around every voxel, 3 x 3 x 3."""
        model = AESegmenter(2, encoder=encoder, patch_size=3, spacing=CUBES, random_state=0)
        codes = model.fit([ball[0]]).transform([ball[0]])[0]
        if encoder == "passthrough":
            assert codes.shape == (*ball[1].shape, 1)
        else:
            assert model.encoder_.n_features_in_ == 27
            assert agreement(model.labels_[0], ball[1]) > 0.95

    def test_each_volume_on_its_own(self, ball):
        """With scope "image"; region trees are for images."""
        volume, truth = ball
        model = AESegmenter(2, spacing=CUBES, scope="image", random_state=0)
        for labels in model.fit_predict([volume, 5 - 2 * volume]):
            assert agreement(labels, truth) > 0.95
        with pytest.raises(ValueError, match=r"region_tree needs.*spacing"):
            model.region_tree(volume)

    def test_textures_have_refined_borders(self, ball):
        """On a grid of voxels, with narrow pooling."""
        encoder = PixelEncoder(4, features="texture", pooling=2, max_epochs=0)
        model = AESegmenter(2, encoder=encoder, spacing=(2, 1, 1), random_state=0).fit([ball[0]])
        assert model.labeler_.refiner is not None
        whole = model.labels_[0]
        assert whole.shape == ball[1].shape
        part = model.predict([np.concatenate([ball[0], ball[0]], 2)])[0]
        assert part.shape == (20, 28, 72)

    def test_voxels_without_data(self, ball):
        """They are unlabeled, and change nothing but near them."""
        gappy = ball[0].copy()
        gappy[:, :, 30:] = np.nan
        labels = AESegmenter(2, spacing=CUBES, random_state=0).fit_predict([gappy])[0]
        np.testing.assert_array_equal(labels == -1, np.isnan(gappy))
        known = labels >= 0
        assert agreement(labels[known], ball[1][known]) > 0.97


class TestSpacing:
    def test_of_the_encoder(self, ball):
        """A given encoder may have it; the segmenter takes it over, or sets it."""
        encoder = PixelEncoder(2, features="intensity", max_epochs=0)
        for model in (
            AESegmenter(2, encoder=encoder.set_params(spacing=(2, 1, 1))),
            AESegmenter(2, encoder=PixelEncoder(2, max_epochs=0), spacing=(2, 1, 1)),
        ):
            model.fit([ball[0]])
            assert model.spacing_ == (2, 1, 1) == tuple(model.encoder_.spacing)
            assert model.encoder_.voxel == (2, 1, 1)

    def test_two_spacings(self, ball):
        model = AESegmenter(2, encoder=PixelEncoder(spacing=(2, 1, 1)), spacing=(1, 1, 1))
        with pytest.raises(ValueError, match="that of the encoder is"):
            model.fit([ball[0]])

    def test_what_is_no_volume(self, ball, fitted):
        """One volume alone, images, rows; and volumes, for a model of images."""
        volume, _ = ball
        for X, way_out in [
            (volume, r"Pass X\[None\] for one volume"),
            ([volume[0]], "spacing says that there are volumes"),
            (volume[0], "Pass X"),
            (volume[..., None, None, None], "spacing says that there are volumes"),
        ]:
            with pytest.raises(ValueError, match=way_out):
                fitted.predict(X)
        with pytest.raises(ValueError, match="rows, but spacing says"):
            AESegmenter(2, spacing=CUBES).fit(volume[0].astype(float))
        with pytest.raises(ValueError, match=r"spacing=\(1, 1, 1\) to the estimator"):
            AESegmenter(2).fit(volume[None])
        with pytest.raises(ValueError, match=r"Pass spacing=\(1, 1, 1\) for volumes"):
            AESegmenter(2).fit(volume[None, ..., None])

    def test_label_maps_of_slices(self, ball):
        """A label map has the sides of the volume."""
        with pytest.raises(ValueError, match=r"y\[0\] has shape \(28, 36\)"):
            AESegmenter(estimator="trees", spacing=CUBES).fit([ball[0]], [ball[1][0]])


def test_searches_and_scorers(ball):
    """Volumes are samples of a grid search; label maps of volumes are scored."""
    volume, truth = ball
    encoder = PixelEncoder(2, features="intensity", max_epochs=0)
    model = AESegmenter(2, encoder=encoder, spacing=CUBES, random_state=0)
    grid = {"encoder__pooling": [0, 1]}
    scorer = make_segmentation_scorer(adjusted_rand_score)
    search = GridSearchCV(model, grid, scoring=scorer, cv=2)
    search.fit(np.stack([volume, volume[::-1]]), np.stack([truth, truth[::-1]]))
    assert search.best_params_ == {"encoder__pooling": 1}
    assert search.best_score_ > 0.9
