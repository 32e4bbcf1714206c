"""A transformer of rows as an encoder of pixels: which patch is whose row."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA

from sklearn_segae.encoding._patch_encoder import PatchEncoder
from sklearn_segae.imaging._tiles import tiles


class Recorder(TransformerMixin, BaseEstimator):
    """Keeps the rows it was fitted on, and hands them on doubled."""

    def fit(self, X, y=None):
        self.rows_ = X
        return self

    def transform(self, X):
        return 2 * X


def picture(height=9, width=7, channels=1, dtype=np.float64):
    return np.random.default_rng(0).integers(0, 200, (height, width, channels)).astype(dtype)


def whole(image):
    return slice(0, image.shape[0]), slice(0, image.shape[1])


@pytest.mark.parametrize("size", [1, 3, 5, 11])
@pytest.mark.parametrize("shape", [(9, 7, 1), (4, 12, 3), (3, 1, 2)])
def test_a_code_is_the_patch_around_its_pixel(size, shape):
    """Passed through, the row of a pixel is its patch, mirrored at borders, channel by channel."""
    image, r = picture(*shape), size // 2
    padded = np.pad(image, ((r, r), (0, 0), (0, 0)), "reflect")
    mode = "reflect" if shape[1] > 1 else "edge"  # numpy cannot mirror one column
    padded = np.pad(padded, ((0, 0), (r, r), (0, 0)), mode)

    codes = PatchEncoder("passthrough", size).encode_tile(image, whole(image))

    assert codes.shape == (*shape[:2], shape[2] * size**2)
    for y, x in np.ndindex(shape[:2]):
        patch = padded[y : y + size, x : x + size]
        np.testing.assert_array_equal(codes[y, x], patch.transpose(2, 0, 1).ravel())


@pytest.mark.parametrize("size", [1, 5])
def test_tiles_agree_with_the_whole_image(size):
    """Codes do not depend on the tile that a pixel is computed in."""
    image = picture(11, 8, 2)
    encoder = PatchEncoder("passthrough", size)
    codes = encoder.encode_tile(image, whole(image))

    for tile in tiles(image.shape, 4):
        np.testing.assert_array_equal(encoder.encode_tile(image, tile), codes[tile])


def test_the_transformer_sees_each_patch_once():
    """Asked for more patches than there are pixels, it is fitted on all of them."""
    image = picture()
    transformer = Recorder()

    PatchEncoder(transformer, 3).fit([image, image[:4]], 10_000, np.random.default_rng(0))

    passed = PatchEncoder("passthrough", 3)
    expected = [passed.encode_tile(i, whole(i)).reshape(-1, 9) for i in (image, image[:4])]
    np.testing.assert_array_equal(transformer.rows_, np.concatenate(expected))


def test_the_transformer_is_fitted_on_a_sample():
    """`n_patches` bounds the rows that it is fitted on, drawn by the generator given."""
    images = [picture(30, 30)]

    def rows(seed):
        transformer = Recorder()
        PatchEncoder(transformer, 3).fit(images, 50, np.random.default_rng(seed))
        return transformer.rows_

    assert rows(0).shape == (50, 9)
    np.testing.assert_array_equal(rows(0), rows(0))
    assert (rows(0) != rows(1)).any()


def test_codes_are_what_the_transformer_makes_of_the_patches():
    """Every code is transformed, and lies where its pixel is."""
    image = picture()
    encoder = PatchEncoder(Recorder(), 3).fit([image], 10, np.random.default_rng(0))

    codes = encoder.encode_tile(image, whole(image))

    passed = PatchEncoder("passthrough", 3).encode_tile(image, whole(image))
    np.testing.assert_array_equal(codes, 2 * passed)


def test_a_transformer_of_scikit_learn_encodes_pixels():
    """PCA of one-pixel patches with all components keeps all distances between pixels."""
    image = picture(channels=3)
    encoder = PatchEncoder(PCA(3), 1).fit([image], 1000, np.random.default_rng(0))

    codes = encoder.encode_tile(image, whole(image)).reshape(-1, 3)

    pixels = image.reshape(-1, 3)
    distances = [np.linalg.norm(a[:, None] - a, axis=-1) for a in (codes, pixels)]
    np.testing.assert_allclose(*distances, atol=1e-9)  # float64, values up to 200


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("f8", np.float64), ("f4", np.float32), ("u1", np.float32), ("?", np.float32)],
)
def test_patches_are_floats(dtype, expected):
    """Patches of float64 images are float64, all others float32, of the same values."""
    image = picture(dtype=dtype)

    codes = PatchEncoder("passthrough", 1).encode_tile(image, whole(image))

    assert codes.dtype == expected
    np.testing.assert_array_equal(codes, image)
