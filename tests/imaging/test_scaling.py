"""Shift and scale: what a net sees, and the way back to the units of the input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sklearn_segae.imaging._scaling import (
    fit_channel_scale,
    fit_scale,
    sample_evenly,
    scaled,
    unscaled,
)

SCALINGS = ["auto", "common", "standard", "minmax", None]
DTYPES = ["?", "u1", "u2", "i2", "i4", "i8", "f4", "f8"]


def table(dtype=np.float64, n=200):
    """Rows whose columns differ in mean and spread."""
    rows = np.random.default_rng(0).normal([50, 80, 120], [1, 10, 30], (n, 3))
    return (rows > 100) if dtype == "?" else rows.clip(0, 250).astype(dtype)


@pytest.mark.parametrize(
    ("scaling", "scaler"), [("standard", StandardScaler()), ("minmax", MinMaxScaler())]
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_scaling_is_that_of_scikit_learn(scaling, scaler, dtype):
    """Of every dtype, rows are scaled as StandardScaler and MinMaxScaler do."""
    X = table(dtype)

    X_scaled = scaled(X, fit_scale(X, scaling))

    # Scaled values are of order 1 and have the seven digits of a float32.
    np.testing.assert_allclose(X_scaled, scaler.fit_transform(X.astype(float)), atol=2e-5)
    assert X_scaled.dtype == (np.float64 if dtype == "f8" else np.float32)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_common_scaling_keeps_proportions(container):
    """Features keep their variances relative to each other, which are 1 on the average."""
    X = table()

    shift, divisor = fit_scale(container(X), "common")

    np.testing.assert_allclose(shift, X.mean(0))
    assert len(set(divisor)) == 1
    assert ((X - shift) / divisor).var(0).mean() == pytest.approx(1)


def test_constant_features_do_not_count_in_common():
    """A pixel without variance has a share in the mean variance, and none in the way out of it."""
    X = np.hstack([table(), np.full((200, 1), 1e6)])
    assert np.isfinite(scaled(X, fit_scale(X, "common"))).all()
    assert (scaled(X, fit_scale(X, "common"))[:, 3] == 0).all()
    np.testing.assert_array_equal(fit_scale(X[:, 3:], "common"), [[1e6], [1]])


@pytest.mark.parametrize(
    ("X", "scaling"),
    [
        (load_digits().data, "common"),
        (load_iris().data, "common"),  # centimeters
        (load_wine().data, "standard"),
        (load_breast_cancer().data, "standard"),
        (np.random.default_rng(0).normal(size=(500, 20)), "common"),
        (np.column_stack([np.linspace(18, 90, 50), np.arange(50) % 2]), "standard"),  # age, yes
        (np.ones((5, 3)), "common"),
    ],
    ids=["digits", "iris", "wine", "breast_cancer", "normal", "mixed", "constant"],
)
def test_auto_scaling_tells_tables_from_numbers_of_one_unit(X, scaling):
    """Pixels and lengths are scaled together, features of different units each for itself."""
    np.testing.assert_array_equal(fit_scale(X, "auto"), fit_scale(X, scaling))


def test_no_scaling_changes_nothing():
    """scaling=None subtracts 0 and divides by 1."""
    X = table()

    np.testing.assert_array_equal(scaled(X, fit_scale(X, None)), X)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_unscaled_undoes_scaled(scaling, dtype):
    """Scaled and unscaled rows are the rows, in the dtype that they are scaled to."""
    X = table(dtype)
    scale = fit_scale(X, scaling)

    back = unscaled(scaled(X, scale), scale)

    assert back.dtype == X.dtype
    np.testing.assert_allclose(back, X, rtol=4 * np.finfo(dtype).eps)  # one rounding each step


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 4), st.sampled_from(SCALINGS))
def test_features_are_on_the_last_axis(n, height, channels, scaling):
    """An image stack has the scale of its pixels as rows, and keeps its shape."""
    X = np.random.default_rng(n).normal(size=(n, height, 3, channels))

    scale = fit_scale(X, scaling)

    assert scale.shape == (2, channels)
    assert scale.dtype == np.float64
    np.testing.assert_array_equal(scale, fit_scale(X.reshape(-1, channels), scaling))
    assert scaled(X, scale).shape == X.shape


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4"])
def test_sparse_rows_are_scaled_as_dense_ones(scaling, dtype):
    """A CSR matrix gets the scale of its dense twin, implicit zeros included."""
    X = table(dtype) * (np.random.default_rng(1).random((200, 3)) < 0.3).astype(dtype)
    X_sparse = sparse.csr_matrix(X)

    scale = fit_scale(X_sparse, scaling)

    np.testing.assert_allclose(scale, fit_scale(X, scaling), rtol=1e-6)  # float32 sums
    X_scaled = scaled(X_sparse, scale)
    assert isinstance(X_scaled, np.ndarray)
    np.testing.assert_allclose(X_scaled, scaled(X, scale), rtol=1e-6)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("value", [0, 1, 0.1, -1e6, 1e-30])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_a_constant_column_is_divided_by_one(scaling, value, container):
    """A feature that never changes becomes 0, not noise and not NaN."""
    X = container(np.full((10, 2), value, float))

    scale = fit_scale(X, scaling)

    np.testing.assert_array_equal(scale[1], 1)
    if scaling is not None:
        # Rounding of the mean, relative to the value; never blown up to 1.
        np.testing.assert_allclose(scaled(X, scale), 0, atol=1e-12 * max(1, abs(value)))


@pytest.mark.parametrize("n", [1_000, 1_000_000])
def test_a_long_constant_column_is_divided_by_one(n):
    """Also where many additions round: the spread of a constant is no scale."""
    X = np.full((n, 2), 0.1)

    np.testing.assert_array_equal(fit_scale(X, "standard")[1], 1)


def test_a_narrow_column_far_from_zero_keeps_its_digits():
    """float32 pixels of 1e6 +- 1 are standardized as exactly as they are stored."""
    # Whole numbers and quarters, which float32 holds exactly at 1e6.
    steps = np.random.default_rng(0).integers(-8, 9, (500, 1)) / 4
    X = (1e6 + steps).astype(np.float32)

    X_scaled = scaled(X, fit_scale(X, "standard"))

    expected = (steps - steps.mean()) / steps.std()
    np.testing.assert_allclose(X_scaled, expected, atol=1e-6)  # some ulps of a float32 near 1


def test_narrow_columns_of_large_integers_keep_their_digits():
    """int64 pixels near 2**40 are scaled in float64, then rounded."""
    X = 2**40 + np.arange(10)[:, None]

    X_scaled = scaled(X, fit_scale(X, "minmax"))

    np.testing.assert_allclose(X_scaled[:, 0], np.arange(10) / 9, atol=1e-6)


@pytest.mark.parametrize(("dtype", "low", "high"), [("i2", -32768, 32767), ("u1", 0, 255)])
def test_full_range_integers_do_not_overflow(dtype, low, high):
    """The range of an integer type is wider than the type itself."""
    X = np.array([[low], [high]], dtype)

    np.testing.assert_array_equal(scaled(X, fit_scale(X, "minmax")), [[0], [1]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_scaling_copies(dtype):
    """The input is never written to, and the result is no view of it."""
    X = table(dtype)
    X.flags.writeable = False

    X_scaled = scaled(X, fit_scale(X, None))

    assert not np.shares_memory(X_scaled, X)


def test_channels_are_scaled_over_all_images():
    """The scale of channels is that of the pixels of all images together."""
    rng = np.random.default_rng(0)
    images = [rng.normal([0, 9], [1, 5], (20, 10, 2)), rng.normal([5, 9], [1, 2], (7, 3, 2))]

    scale = fit_channel_scale(images)

    pixels = np.concatenate([image.reshape(-1, 2) for image in images])
    np.testing.assert_allclose(scale, [pixels.mean(0), pixels.std(0)], rtol=1e-12)


def test_many_pixels_are_sampled_evenly():
    """A sample reads about `max_pixels`, spread over rows and columns alike."""
    y, x = np.mgrid[:200, :200]

    sample = sample_evenly([np.stack([y, x], -1)], max_pixels=400)

    # Every tenth of 200 pixels: 0, 10, ..., 190.
    np.testing.assert_array_equal(np.unique(sample[:, 0]), np.arange(0, 200, 10))
    assert sample.shape == (400, 2)


@pytest.mark.parametrize("shape", [(20, 3), (20, 4, 5, 2)])
@pytest.mark.parametrize("scaling", ["standard", "minmax", None])
def test_weights_count_samples(rng, shape, scaling):
    """A sample that weighs 3 is three of them, of rows, images and sparse rows."""
    X, weight = rng.normal(size=shape), rng.integers(1, 4, 20)
    repeated = fit_scale(np.repeat(X, weight, axis=0), scaling)
    np.testing.assert_allclose(fit_scale(X, scaling, weight), repeated, atol=1e-12)
    if X.ndim == 2:
        for dtype, digits in [(np.float64, 1e-12), (np.float32, 1e-6)]:
            csr = sparse.csr_matrix(X.astype(dtype))
            np.testing.assert_allclose(fit_scale(csr, scaling, weight), repeated, atol=digits)
