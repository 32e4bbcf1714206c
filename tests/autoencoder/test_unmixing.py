"""The variant "unmixing": abundances and endmembers of mixtures, and `components_` of others."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.optimize import linear_sum_assignment, nnls
from scipy.sparse import csr_matrix
from torch.nn import functional

from sklearn_segae import AutoencoderTransformer
from sklearn_segae.datasets import make_mixtures
from sklearn_segae.persistence import load, save


def mixtures(**parameters):
    """Return spectra as rows, abundances and endmembers of a small cube."""
    parameters = {"n_components": 4, "n_bands": 50, "random_state": 0} | parameters
    cube, abundances, endmembers = make_mixtures(48, **parameters)
    return (
        cube.reshape(-1, cube.shape[-1]),
        abundances.reshape(-1, abundances.shape[-1]),
        endmembers,
    )


def unmixing(n=4, **parameters):
    return AutoencoderTransformer(
        n, **{"variant": "unmixing", "max_epochs": 3, "random_state": 0} | parameters
    )


def angles(a, b):
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    return np.arccos(np.clip(a @ b.T, -1, 1))


def errors(model, X, abundances, endmembers):
    """Return the mean angle of endmembers and the RMSE of abundances, after matching."""
    angle = angles(endmembers, model.components_)
    rows, columns = linear_sum_assignment(angle)
    found = model.transform(X)[:, columns]
    return angle[rows, columns].mean(), np.sqrt(np.mean((found - abundances) ** 2))


@pytest.fixture(scope="module")
def scene():
    return mixtures()


@pytest.fixture(scope="module")
def fitted(scene):
    return unmixing().fit(scene[0])


@pytest.mark.parametrize("snr", [20, 30])
def test_finds_endmembers_that_no_pixel_has(snr):
    """Angles are a third of those of the purest pixels, which a method without a volume finds."""
    X, abundances, endmembers = mixtures(snr=snr, concentration=2)
    purest = X[abundances.argmax(0)]

    angle, rmse = errors(unmixing().fit(X), X, abundances, endmembers)

    assert angle < 0.5 * np.diag(angles(endmembers, purest)).mean()
    assert rmse < 0.08  # always 1/4: 0.16


def test_codes_are_abundances(scene, fitted):
    """Not negative, with a sum of 1, and some are exactly 0."""
    codes = fitted.transform(scene[0])
    assert codes.dtype == np.float32
    assert codes.min() == 0
    np.testing.assert_allclose(codes.sum(1), 1, atol=1e-6)


def test_mixtures_are_linear(scene, fitted):
    """`inverse_transform` adds up the endmembers."""
    codes = fitted.transform(scene[0].astype(np.float64))
    np.testing.assert_allclose(
        fitted.inverse_transform(codes), codes @ fitted.components_, atol=1e-9
    )
    assert (fitted.offset_ == 0).all()


def test_the_encoder_is_as_good_as_least_squares(scene, fitted):
    """Fully constrained least squares, pixel by pixel, gives the same abundances up to noise."""
    X, C = scene[0][::20].astype(np.float64), fitted.components_
    system = np.vstack([C.T, np.full(len(C), 1e3)])
    exact = np.array([nnls(system, np.append(x, 1e3))[0] for x in X])
    assert np.sqrt(np.mean((fitted.transform(X) - exact) ** 2)) < 0.02


def test_noise_does_not_make_endmembers_negative():
    """Bands without signal have values on both sides of 0; endmembers have none below it."""
    X, _, _ = mixtures(snr=20)
    dark = np.random.default_rng(0).normal(0, 0.05, (len(X), 10)).astype(np.float32)
    components = unmixing().fit(np.hstack([X, dark])).components_
    assert components.min() >= 0
    assert components[:, -10:].max() < 0.05


def test_centered_spectra_have_the_same_abundances(scene, fitted):
    """Data with both signs are unmixed as well: endmembers are shifted as the spectra are."""
    X, mean = scene[0], scene[0].mean(0)
    centered = unmixing().fit(X - mean)
    assert centered.components_.min() < -0.1
    np.testing.assert_allclose(centered.components_ + mean, fitted.components_, atol=0.02)


def test_seeds_agree(scene, fitted):
    """Another seed has the same endmembers, in the same order."""
    other = unmixing(random_state=1).fit(scene[0])
    np.testing.assert_allclose(other.components_, fitted.components_, atol=0.02)


def test_units_do_not_matter(scene, fitted):
    """Counts in place of reflectance: endmembers in counts."""
    counts = unmixing().fit(1000 * scene[0])
    np.testing.assert_allclose(counts.components_, 1000 * fitted.components_, atol=1)


def test_weights_are_repetitions(scene):
    """Also for the initialization, which looks at few samples."""
    X = scene[0][::25]
    weight = np.arange(len(X)) % 3
    weighted = unmixing(batch_size=1000).fit(X, sample_weight=weight)
    repeated = unmixing(batch_size=1000).fit(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(weighted.components_, repeated.components_, atol=1e-6)


def test_sparse_rows_are_unmixed_like_dense_ones(scene):
    """CSR matrices, as of spectra of counts."""
    X = scene[0][:200]
    dense, sparse = unmixing(max_epochs=1).fit(X), unmixing(max_epochs=1).fit(csr_matrix(X))
    np.testing.assert_allclose(sparse.components_, dense.components_, atol=1e-5)


@pytest.mark.parametrize(("n", "n_bands"), [(1, 5), (2, 1), (5, 3)])
def test_endmembers_that_bands_cannot_determine_are_not_used(n, n_bands):
    """A space of n dimensions has simplices of n + 1 vertices; others have no share."""
    X = np.random.default_rng(0).uniform(size=(300, n_bands)).astype(np.float32)
    codes = unmixing(n, max_epochs=0).fit_transform(X)
    assert (codes.max(0) > 0).sum() == min(n, n_bands + 1)


def test_constant_spectra_are_an_endmember():
    """Nothing to unmix, but no reason to fail."""
    X = np.tile(np.linspace(0.5, 1, 6), (20, 1))
    model = unmixing(3).fit(X)
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), X, atol=1e-6)


def test_samples_are_mixtures(fitted):
    """Drawn codes are abundances, so that drawn spectra lie within the endmembers."""
    drawn = fitted.sample(50)
    low, high = fitted.components_.min(0), fitted.components_.max(0)
    assert (drawn >= low - 1e-5).all()
    assert (drawn <= high + 1e-5).all()


def test_training_can_continue_and_models_can_be_saved(scene, fitted, tmp_path):
    """`partial_fit` goes on with the endmembers; a file has them bit for bit."""
    save(fitted, tmp_path / "model.segae")
    loaded = load(tmp_path / "model.segae")
    np.testing.assert_array_equal(loaded.components_, fitted.components_)
    np.testing.assert_array_equal(loaded.transform(scene[0]), fitted.transform(scene[0]))
    loaded.partial_fit(scene[0])
    np.testing.assert_allclose(loaded.components_, fitted.components_, atol=0.02)


def test_another_variant_cannot_continue(scene):
    """The nets differ."""
    model = unmixing(max_epochs=1, warm_start=True).fit(scene[0][:100])
    with pytest.raises(ValueError, match="net of another kind"):
        model.set_params(variant="plain").fit(scene[0][:100])


def test_criteria_of_torch_are_losses(scene):
    """The spectral angle, which needs values that are not centered."""

    def angle(output, target):
        return 1 - functional.cosine_similarity(output, target)

    X, abundances, endmembers = scene
    model = unmixing(loss=angle, scaling=None, max_epochs=2).fit(X)
    assert errors(model, X, abundances, endmembers)[0] < 0.1


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_precision_is_that_of_the_parameter(scene, precision):
    """float64 weights have no autocast, so that 16 bits have float32 weights."""
    model = unmixing(precision=precision, max_epochs=1).fit(scene[0][:300])
    expected = torch.float64 if precision == "float32" else torch.float32
    assert model.net_.module_.weight.dtype == expected


@pytest.mark.parametrize("variant", ["plain", "denoising", "sparse", "variational"])
def test_a_linear_decoder_has_components(scene, variant):
    """As in PCA, reconstructions are codes @ components_ + offset_."""
    X = scene[0].astype(np.float64)
    model = AutoencoderTransformer(
        3, variant=variant, hidden_layer_sizes=(), max_epochs=1, random_state=0
    ).fit(X)
    codes = model.transform(X)
    expected = model.inverse_transform(codes)
    np.testing.assert_allclose(codes @ model.components_ + model.offset_, expected, atol=1e-9)


@pytest.mark.parametrize(
    "parameters", [{}, {"hidden_layer_sizes": (), "scaling": "minmax"}], ids=str
)
@pytest.mark.parametrize("name", ["components_", "offset_"])
def test_other_decoders_have_no_components(scene, parameters, name):
    """An error says what to change; `hasattr` is False, which other libraries ask."""
    model = AutoencoderTransformer(3, max_epochs=0, **parameters).fit(scene[0][:100])
    assert not hasattr(model, name)
    with pytest.raises(AttributeError, match=r"hidden_layer_sizes=\(\)"):
        getattr(model, name)


def test_wavelengths_are_names(scene):
    """Columns of a frame are kept; names of components are the class's."""
    frame = pd.DataFrame(scene[0][:100], columns=[f"{400 + 10 * i} nm" for i in range(50)])
    model = unmixing(max_epochs=0).fit(frame)
    components = pd.DataFrame(
        model.components_, model.get_feature_names_out(), model.feature_names_in_
    )
    assert components.loc["autoencodertransformer0", "400 nm"] == model.components_[0, 0]
    with pytest.raises(ValueError, match="feature names"):
        model.transform(frame.iloc[:, ::-1])


@pytest.mark.parametrize(
    ("parameters", "X", "message"),
    [
        ({}, np.ones((5, 4, 4)), r"X holds images\. Pass the pixels of a cube"),
        ({"architecture": "signal"}, np.ones((5, 4)), "X holds signals"),
        ({"architecture": torch.nn.Linear}, np.ones((5, 4)), "has dense layers.*Pass 'auto'"),
        ({"scaling": "minmax"}, np.ones((5, 4)), "logistic output.*scaling='common'"),
        ({"loss": "cross_entropy"}, np.ones((5, 4)), "logistic output.*loss='mse'"),
    ],
    ids=str,
)
def test_what_cannot_be_unmixed_is_refused(parameters, X, message):
    """Nothing is ignored silently."""
    with pytest.raises(ValueError, match=message):
        unmixing(**parameters).fit(X)
