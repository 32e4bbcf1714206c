"""AutoencoderTransformer: codes, the way back, scores, and what it refuses."""

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import log_loss, mean_squared_error, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_segae import AutoencoderTransformer


def linear(n_components=2, **parameters):
    return AutoencoderTransformer(
        n_components, hidden_layer_sizes=(), scaling=None, random_state=0, **parameters
    )


@pytest.fixture(scope="module")
def digits():
    return load_digits().images.astype(np.float32)


def relative_error(ae, train, test):
    """Squared error on held-out rows over that of as many principal components."""
    there_and_back = ae.fit(train).inverse_transform(ae.transform(test))
    train, test, ours = (x.reshape(len(x), -1) for x in (train, test, there_and_back))
    pca = PCA(ae.n_components).fit(train)
    theirs = pca.inverse_transform(pca.transform(test))
    return np.mean((test - ours) ** 2) / np.mean((test - theirs) ** 2)


@pytest.mark.parametrize("n_components", [10, 32])
@pytest.mark.parametrize(("n", "bar"), [(200, 1), (1400, 0.75)])
def test_defaults_do_not_lose_to_pca(digits, n_components, n, bar):
    """On digits, also with many components, from few rows and after few epochs."""
    X = digits.reshape(len(digits), -1)
    for max_epochs in (20, 60):
        ae = AutoencoderTransformer(n_components, max_epochs=max_epochs, random_state=0)
        assert relative_error(ae, X[:n], X[1400:]) < bar


def test_defaults_for_images_do_not_lose_to_pca(digits):
    """Nor do convolutions, which without their straight way have four times its error here."""
    ae = AutoencoderTransformer(32, max_epochs=10, random_state=0)
    assert relative_error(ae, digits[:1400], digits[1400:]) < 1


def test_training_starts_from_pca(digits):
    """Before the first epoch, codes reconstruct almost as principal components do."""
    X = digits.reshape(len(digits), -1)
    ae = AutoencoderTransformer(10, max_epochs=0, random_state=0)
    assert 1 < relative_error(ae, X[:1400], X[1400:]) < 1.1


@pytest.mark.parametrize("max_epochs", [1, 3, 100])
def test_linear_autoencoder_never_beats_pca(rows, max_epochs):
    """No affine map of rank 2 reconstructs better than two principal axes (Eckart-Young)."""
    pca = PCA(2).fit(rows)
    best = np.mean((rows - pca.inverse_transform(pca.transform(rows))) ** 2)
    ae = linear(max_epochs=max_epochs).fit(rows)
    error = np.mean((rows - ae.inverse_transform(ae.transform(rows))) ** 2)
    assert error >= best * (1 - 1e-5)  # float32 sums over 1,800 numbers


def test_converged_linear_autoencoder_spans_the_plane_of_pca(rows):
    """Its reconstructions lie in the principal plane (Baldi and Hornik 1989)."""
    pca = PCA(2).fit(rows)
    ae = linear(max_epochs=400, lr=0.01, n_iter_no_change=400).fit(rows)
    there_and_back = ae.inverse_transform(ae.transform(rows))
    off_plane = there_and_back - pca.inverse_transform(pca.transform(there_and_back))
    assert np.abs(off_plane).max() < 0.02  # of rows with a spread of 0.6


def test_nonlinear_codes_reconstruct_curved_data_better(rows):
    """With hidden layers two numbers say more than two principal components."""
    pca = PCA(2).fit(rows)
    best = np.mean((rows - pca.inverse_transform(pca.transform(rows))) ** 2)
    ae = AutoencoderTransformer(
        2, hidden_layer_sizes=(64,), lr=0.01, max_epochs=200, random_state=0
    ).fit(rows)
    assert np.mean((rows - ae.inverse_transform(ae.transform(rows))) ** 2) < 0.5 * best


def test_float64_in_float64_out(rows):
    """Codes and reconstructions have the precision of the rows."""
    ae = AutoencoderTransformer(2, max_epochs=2, random_state=0).fit(rows)
    for dtype in (np.float32, np.float64):
        codes = ae.transform(rows.astype(dtype))
        assert codes.dtype == dtype
        assert ae.inverse_transform(codes).dtype == dtype


def test_raw_uint8_needs_no_preparation():
    """Reconstructions of bytes are in bytes' units."""
    X = np.random.default_rng(0).integers(0, 256, (200, 5)).astype(np.uint8)
    ae = AutoencoderTransformer(5, lr=0.01, max_epochs=150, random_state=0).fit(X)
    assert np.abs(ae.inverse_transform(ae.transform(X)) - X).mean() < 0.1 * X.std()


@pytest.mark.parametrize("scaling", ["standard", "minmax", None])
def test_sparse_rows_are_the_dense_ones(rows, scaling):
    """CSR rows give the same net and the same codes, densified batch by batch."""
    X = np.where(rows > 0.5, rows, 0).astype(np.float32)
    ae = AutoencoderTransformer(3, scaling=scaling, max_epochs=3, random_state=0)
    dense = ae.fit(X).transform(X)
    # Means of sparse columns are summed in another order.
    np.testing.assert_allclose(ae.fit_transform(sparse.csr_matrix(X)), dense, atol=1e-4)
    np.testing.assert_allclose(ae.transform(sparse.csr_array(X)), dense, atol=1e-4)


@pytest.mark.parametrize(
    "shape", [(28, 28, 1), (64, 48, 3), (7, 5, 2), (1, 1, 1), (9, 1, 4), (13, 13)]
)
def test_image_stacks_come_back_in_their_shape(shape):
    """inverse_transform gives the exact input shape, odd sides and single pixels included."""
    X = np.random.default_rng(0).normal(size=(6, *shape))
    ae = AutoencoderTransformer(3, hidden_layer_sizes=(16,), max_epochs=1, random_state=0)
    codes = ae.fit_transform(X)
    assert codes.shape == (6, 3)
    assert ae.inverse_transform(codes).shape == X.shape


def test_conv_net_learns_images(digits):
    """On digits it leaves less than half of the variance unexplained."""
    ae = AutoencoderTransformer(16, lr=3e-3, max_epochs=15, random_state=0).fit(digits)
    assert type(ae.net_.module_.layers).__name__ == "ConvAutoencoder"
    assert -ae.score(digits) < 0.5


def test_score_is_minus_the_mean_squared_error(rows):
    """Unscaled, the score is scikit-learn's mean_squared_error to float precision."""
    ae = linear(max_epochs=5).fit(rows)
    expected = mean_squared_error(rows, ae.inverse_transform(ae.transform(rows)))
    assert -ae.score(rows) == pytest.approx(expected, rel=1e-6)
    assert ae.score_samples(rows).mean() == pytest.approx(ae.score(rows))


def test_cross_entropy_is_log_loss(rows):
    """On binary targets the loss is scikit-learn's log_loss."""
    X = (rows > 0).astype(np.float64)
    ae = AutoencoderTransformer(2, loss="cross_entropy", scaling=None, max_epochs=5).fit(X)
    there_and_back = ae.inverse_transform(ae.transform(X))
    assert ((there_and_back > 0) & (there_and_back < 1)).all()
    assert -ae.score(X) == pytest.approx(log_loss(X.ravel(), there_and_back.ravel()), rel=1e-6)


def test_cross_entropy_says_how_to_scale(rows):
    """Targets outside [0, 1] are refused with the way out, which then works."""
    with pytest.raises(ValueError, match=r"input in \[0, 1\].*scaling='minmax'"):
        AutoencoderTransformer(2, loss="cross_entropy").fit(rows)
    ae = AutoencoderTransformer(2, loss="cross_entropy", scaling="minmax", max_epochs=3)
    ae.fit(rows[:250])
    assert np.isfinite(ae.score(rows * 1.5))  # held-out rows beyond what fit saw


@pytest.mark.parametrize(("loss", "cost"), [("mse", 9), ("mae", 3), ("huber", 2.5)])
def test_losses_are_what_they_are_called(rows, loss, cost):
    """A copy that is off by 3 in one of 6 features costs what the formula says."""
    ae = linear(6, loss=loss, max_epochs=0).fit(rows)
    identity = {"encoder.0": torch.eye(6), "decoder.0": torch.eye(6)}
    weights = {f"{name}.weight": w for name, w in identity.items()}
    biases = {f"{name}.bias": torch.zeros(6) for name in identity}
    biases["decoder.0.bias"][2] = 3
    ae.net_.module_.load_state_dict(weights | biases)
    assert -ae.score(rows) == pytest.approx(cost / 6)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("method", ["transform", "score_samples", "partial_fit"])
def test_late_gaps_are_refused(rows, container, value, method):
    """NaN and infinity in the last of many rows are found, where samples are read in blocks."""
    ae = AutoencoderTransformer(2, max_epochs=0).fit(rows)
    X = np.tile(rows, (20, 1))
    X[-1, -1] = value
    with pytest.raises(ValueError, match=r"(?i)X contains (nan|inf)"):
        getattr(ae, method)(container(X))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_are_invisible(rows, dtype):
    """However many rows there are, each has the code that it has alone."""
    ae = AutoencoderTransformer(2, max_epochs=2, random_state=0).fit(rows)
    X = np.tile(rows, (40, 1)).astype(dtype)
    codes = ae.transform(X)
    np.testing.assert_allclose(codes, np.tile(ae.transform(X[:300]), (40, 1)), atol=1e-5)
    np.testing.assert_allclose(
        ae.inverse_transform(codes)[-300:], ae.inverse_transform(codes[-300:]), atol=1e-5
    )


def test_outliers_score_low(rows):
    """score_samples finds rows that do not lie on the plane of the others."""
    rng = np.random.default_rng(1)
    outliers = rng.uniform(-1, 1, (50, 6))
    ae = AutoencoderTransformer(2, lr=0.01, max_epochs=60, random_state=0).fit(rows)
    scores = ae.score_samples(np.vstack([rows, outliers]))
    assert roc_auc_score([1] * 300 + [0] * 50, scores) > 0.9


def test_warm_start_goes_on(rows):
    """A second fit starts where the first one ended; without warm_start it starts afresh."""
    ae = AutoencoderTransformer(2, max_epochs=20, warm_start=True, random_state=0).fit(rows)
    ended = ae.loss_curve_[-1]
    ae.fit(rows)
    assert ae.n_iter_ == 40
    assert ae.loss_curve_[20] < 1.2 * ended
    assert ae.set_params(warm_start=False).fit(rows).n_iter_ == 20


def test_partial_fit_over_chunks_learns(rows, tmp_path):
    """Chunk after chunk of a memmap lowers the loss, one epoch each."""
    path = tmp_path / "rows.npy"
    np.save(path, rows)
    chunks = np.array_split(np.load(path, mmap_mode="r"), 3)
    ae = AutoencoderTransformer(2, lr=0.01, random_state=0)
    first = ae.partial_fit(chunks[0]).score(rows)
    for _ in range(10):
        for chunk in chunks:
            ae.partial_fit(chunk)
    assert ae.n_iter_ == 31
    assert ae.score(rows) > first


def test_zero_epochs_leave_the_net_untrained(rows):
    """max_epochs=0 is the untrained control."""
    ae = AutoencoderTransformer(2, max_epochs=0, random_state=0).fit(rows)
    assert ae.loss_curve_ == []
    assert ae.transform(rows).shape == (300, 2)


def test_equal_seeds_equal_weights(rows):
    """random_state decides on everything, and different ones differ."""
    codes = [
        AutoencoderTransformer(2, max_epochs=2, random_state=seed).fit_transform(rows)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(codes[0], codes[1])
    assert np.abs(codes[0] - codes[2]).max() > 0.01


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("hidden_layer_sizes", ()),
        ("activation", "tanh"),
        ("activation", "logistic"),
        ("activation", "elu"),
        ("activation", "gelu"),
        ("activation", "identity"),
        ("batch_size", 17),
        ("lr", 0.1),
        ("optimizer", "sgd"),
        ("loss", "mae"),
        ("scaling", "standard"),
        ("scaling", "minmax"),
        ("scaling", None),
        ("variant", "denoising"),
        ("early_stopping", 0.5),
        ("precision", "bfloat16"),
        ("random_state", 1),
    ],
)
def test_parameters_change_the_codes(rows, parameter, value):
    """None of them is ignored."""
    base = AutoencoderTransformer(2, max_epochs=2, random_state=0)
    rows = rows * np.linspace(1, 3, 6)
    codes = base.fit_transform(rows)
    assert np.abs(base.set_params(**{parameter: value}).fit_transform(rows) - codes).max() > 1e-3


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("n_components", 0),
        ("architecture", "transformer"),
        ("variant", "adversarial"),
        ("variant_strength", -1),
        ("precision", "float8"),
        ("loss", "hinge"),
        ("scaling", "robust"),
        ("early_stopping", 1.0),
        ("lr", 0),
    ],
)
def test_unknown_values_are_refused(rows, parameter, value):
    """A value that means nothing is an error, not ignored."""
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter"):
        AutoencoderTransformer(**{parameter: value}).fit(rows)


def test_architectures_refuse_what_does_not_fit(rows):
    """Rows need a dense net."""
    with pytest.raises(ValueError, match="architecture='conv' does not fit rows"):
        AutoencoderTransformer(architecture="conv").fit(rows)


def test_other_shapes_are_refused_later(rows, digits):
    """The error names both shapes."""
    ae = AutoencoderTransformer(2, max_epochs=1).fit(digits[:20])
    with pytest.raises(ValueError, match=r"shape \(8, 7\).*\(8, 8\)"):
        ae.transform(digits[:, :, :7])
    with pytest.raises(ValueError, match=r"X holds rows, but .* was fitted with images"):
        ae.transform(rows)
    with pytest.raises(ValueError, match=r"codes has 3 columns, .* n_components=2"):
        ae.inverse_transform(np.zeros((4, 3)))


def test_in_company():
    """In a pipeline, under a grid search without `scoring`, with names for the outputs."""
    X = load_digits().data
    pipeline = make_pipeline(MinMaxScaler(), AutoencoderTransformer(max_epochs=3, random_state=0))
    grid = {"autoencodertransformer__n_components": [1, 8]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X)
    assert search.best_params_ == {"autoencodertransformer__n_components": 8}
    names = search.best_estimator_.get_feature_names_out()
    assert list(names[:2]) == ["autoencodertransformer0", "autoencodertransformer1"]
    codes = search.best_estimator_[-1].set_output(transform="pandas").transform(X)
    assert list(codes.columns) == list(names)
