"""Linear decoders in HyperSpy: decompositions as of its own algorithms."""

import numpy as np
import pytest

from sklearn_segae import AutoencoderTransformer
from sklearn_segae.datasets import make_mixtures

hs = pytest.importorskip("hyperspy.api", reason="comes with the test extra")


@pytest.fixture
def signal():
    """A calibrated map of spectra."""
    cube, _, _ = make_mixtures((12, 16), n_components=3, n_bands=40, random_state=0)
    signal = hs.signals.Signal1D(cube.astype(float))
    axis = signal.axes_manager[-1]
    axis.name, axis.scale, axis.units = "Energy", 0.1, "keV"
    return signal


def transformer(**parameters):
    return AutoencoderTransformer(3, max_epochs=5, random_state=0, **parameters)


def decompose(signal, model, **options):
    signal.decomposition(algorithm=model, output_dimension=3, print_info=False, **options)


def test_decomposition_gives_abundances_and_endmembers(signal):
    """Loadings and factors are those of the estimator, with the axes of the signal."""
    model = transformer(variant="unmixing")
    decompose(signal, model)
    loadings, factors = signal.get_decomposition_loadings(), signal.get_decomposition_factors()

    rows = signal.data.reshape(-1, 40)
    np.testing.assert_allclose(factors.data, model.components_)
    np.testing.assert_allclose(loadings.data.reshape(3, -1).T, model.transform(rows))
    assert (loadings.data >= 0).all()
    assert factors.axes_manager[-1].units == "keV"
    assert factors.axes_manager[-1].scale == pytest.approx(0.1)


def test_the_model_of_a_decomposition_is_the_reconstruction(signal):
    """Mixtures have no mean that would have to be added."""
    model = transformer(variant="unmixing")
    decompose(signal, model)
    rows = signal.data.reshape(-1, 40)
    expected = model.inverse_transform(model.transform(rows)).reshape(signal.data.shape)
    np.testing.assert_allclose(signal.get_decomposition_model().data, expected, atol=1e-6)


def test_a_plain_autoencoder_has_factors_and_an_offset(signal):
    """Loadings times factors, plus the offset, are its reconstruction; data do not change."""
    model, before = transformer(hidden_layer_sizes=()), signal.data.copy()
    decompose(signal, model)
    found = signal.learning_results
    np.testing.assert_array_equal(signal.data, before)
    expected = model.inverse_transform(model.transform(before.reshape(-1, 40)))
    np.testing.assert_allclose(
        found.loadings @ found.factors.T + model.offset_, expected, atol=1e-6
    )


def test_masked_pixels_and_channels_are_left_out(signal):
    """They may have any value."""
    bad, dead = np.arange(40) < 5, np.zeros((12, 16), bool)
    dead[:2] = True
    signal.data[..., bad] = 1e3
    signal.data[dead] = -1e3
    decompose(
        signal, transformer(variant="unmixing"), signal_mask=bad, navigation_mask=dead.T
    )  # HyperSpy: x first
    factors = signal.get_decomposition_factors().data
    assert np.isnan(factors[:, bad]).all()
    assert np.nanmax(factors) < 2


def test_sources_are_separated_after_a_linear_decomposition(signal):
    """As after a PCA."""
    decompose(signal, transformer(hidden_layer_sizes=()))
    options = {"number_of_components": 3, "tol": 1e-3, "max_iter": 5000}
    signal.blind_source_separation(print_info=False, **options)
    assert signal.get_bss_factors().data.shape == (3, 40)
    assert signal.get_bss_loadings().data.shape == (3, 12, 16)


def test_decoders_that_are_not_linear_are_refused(signal):
    """HyperSpy asks for components, which do not exist."""
    with pytest.raises(AttributeError, match="components_"):
        decompose(signal, transformer())
