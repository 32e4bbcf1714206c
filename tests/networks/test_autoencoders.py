"""Shapes, receptive fields and pooling of the networks."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import noise, pixel_net
from sklearn.decomposition import PCA
from torch import nn

from sklearn_segae.networks import ConvAutoencoder, DenseAutoencoder, PixelAutoencoder
from sklearn_segae.networks._autoencoders import (
    ACTIVATIONS,
    FlattenedAutoencoder,
    LinearShortcut,
    decode,
    encode,
    reconstruct,
)
from sklearn_segae.networks._pixel_autoencoder import RELU_SPREAD, crop

few = settings(max_examples=25, deadline=None, derandomize=True)


pytestmark = pytest.mark.usefixtures("one_seed")


# ---- DenseAutoencoder


@few
@given(st.integers(1, 6), st.integers(1, 9), st.integers(1, 9), st.lists(st.integers(1, 8)))
def test_rows_go_to_codes_and_back(n, n_features, n_components, hidden):
    """(N, n_features) -> (N, n_components) -> (N, n_features), for any hidden layers."""
    net = DenseAutoencoder(n_features, n_components, hidden[:3])
    x = torch.randn(n, n_features)

    codes = net.encode(x)

    assert codes.shape == (n, n_components)
    assert net.decode(codes).shape == x.shape
    torch.testing.assert_close(net(x), net.decode(codes))


def test_the_decoder_mirrors_the_encoder():
    """Layers have the sizes given, and the same ones on the way back."""
    net = DenseAutoencoder(10, 2, (7, 5))

    layers = [m for m in net.modules() if isinstance(m, nn.Linear)]

    sizes = [(m.in_features, m.out_features) for m in layers]
    assert sizes == [(10, 7), (7, 5), (5, 2), (2, 5), (5, 7), (7, 10)]


def test_without_hidden_layers_it_is_affine():
    """An affine map commutes with averages: encode and decode are linear but for an intercept."""
    net = DenseAutoencoder(5, 2).double()
    x, y = noise(4, 5), noise(4, 5)

    torch.testing.assert_close(net((x + y) / 2), (net(x) + net(y)) / 2)


@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"identity"}))
def test_hidden_layers_are_not_linear(activation):
    """Every activation bends the map, but the code and the output stay linear in the last layer."""
    net = DenseAutoencoder(5, 2, (8,), activation).double()
    x, y = noise(200, 5), noise(200, 5)

    bent = net((x + y) / 2) - (net(x) + net(y)) / 2

    assert bent.abs().max() > 1e-3
    assert isinstance(net.encoder[-1], nn.Linear)
    assert isinstance(net.decoder[-1], nn.Linear)


def test_the_identity_is_linear():
    """With activation "identity" hidden layers change nothing about what can be learnt."""
    net = DenseAutoencoder(5, 2, (8, 4), "identity").double()
    x, y = noise(4, 5), noise(4, 5)

    torch.testing.assert_close(net((x + y) / 2), (net(x) + net(y)) / 2)


@pytest.mark.parametrize(
    "net",
    [
        DenseAutoencoder(4, 2, (3,), bounded_output=True),
        ConvAutoencoder((1, 4, 1), 2, bounded_output=True),
    ],
)
def test_bounded_outputs_lie_in_the_unit_interval(net):
    """With bounded_output even absurd codes decode to [0, 1]; without, they leave it."""
    codes = 1e4 * torch.randn(100, 2)

    bounded = net.decode(codes)
    net.output = nn.Identity()

    assert bounded.min() >= 0
    assert bounded.max() <= 1
    assert net.decode(codes).abs().max() > 1


def test_a_shortcut_starts_as_pca():
    """Without layers it is a principal component analysis, whatever the mean."""
    x = noise(300, 6) @ noise(6, 6) + 5
    net = LinearShortcut(DenseAutoencoder(6, 2, (8,)), (6,), 2).double()
    net.initialize_from(x)
    for end in net.layers.ends:
        end.weight.zero_()
    pca = PCA(2).fit(x)
    expected = pca.inverse_transform(pca.transform(x))
    np.testing.assert_allclose(net(x), expected, atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 50])
@pytest.mark.parametrize(("n_features", "n_components"), [(1, 3), (5, 9), (9, 2)])
def test_a_shortcut_needs_no_more_components_than_there_are(n, n_features, n_components):
    """What rows or features are too few for begins as 0, and the rest is orthonormal."""
    net = LinearShortcut(DenseAutoencoder(n_features, n_components), (n_features,), n_components)
    net.double().initialize_from(noise(n, n_features))
    axes = net.encode_linear.weight
    n_axes = min(n, n_features, n_components)
    expected = torch.zeros(n_components, n_components).double()
    expected[:n_axes, :n_axes] = torch.eye(n_axes)
    torch.testing.assert_close(axes @ axes.T, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        (DenseAutoencoder(6, 2, (8,)), (6,)),
        (FlattenedAutoencoder((2, 3, 4), DenseAutoencoder(24, 2, (8,))), (2, 3, 4)),
        (ConvAutoencoder((2, 7, 5), 2), (2, 7, 5)),
        (ConvAutoencoder((3, 9), 2, (4,)), (3, 9)),
    ],
    ids=["rows", "flat", "images", "signals"],
)
def test_a_shortcut_is_added(layers, shape):
    """There and back, for samples of any shape; at first, layers hardly change what it says."""
    net, x = LinearShortcut(layers, shape, 2).double(), noise(50, *shape)
    net.initialize_from(x)
    straight = net.encode_linear(x.flatten(1))
    torch.testing.assert_close(net.encode(x), layers.encode(x) + straight)
    assert net.decode(straight).shape == x.shape
    assert layers.encode(x).std() < 0.2 * straight.std()


def test_the_names_for_a_nets_methods():
    """encode, decode and reconstruct call the module's own."""
    net, x = DenseAutoencoder(4, 2), torch.randn(3, 4)

    assert torch.equal(encode(net, x), net.encode(x))
    assert torch.equal(decode(net, encode(net, x)), net(x))
    assert torch.equal(reconstruct(net, x), net(x))


# ---- ConvAutoencoder


@few
@given(
    st.integers(1, 3),
    st.integers(1, 19),
    st.integers(1, 19),
    st.lists(st.integers(1, 5), max_size=3),
)
def test_images_of_any_size_come_back(n_channels, height, width, widths):
    """(N, C, H, W) -> (N, n_components) -> (N, C, H, W), exactly, for odd and tiny sides."""
    net = ConvAutoencoder((n_channels, height, width), 3, (4,), widths=widths)
    x = torch.randn(2, n_channels, height, width)

    codes = net.encode(x)

    assert codes.shape == (2, 3)
    assert net.decode(codes).shape == x.shape
    torch.testing.assert_close(net(x), net.decode(codes))


@pytest.mark.parametrize("side", [(1, 1), (1, 17), (16, 16)])
def test_every_pixel_counts_for_the_code(side):
    """No pixel is lost to the strides: the code depends on each."""
    net = ConvAutoencoder((1, *side), 8, activation="elu").double()
    x = noise(1, 1, *side).requires_grad_()

    with torch.enable_grad():
        net.encode(x).square().sum().backward()

    assert (x.grad != 0).all()


def test_decoded_images_have_both_signs():
    """The decoder ends linear: standardized images can be met."""
    net = ConvAutoencoder((1, 9, 9), 2)

    images = net.decode(100 * torch.randn(50, 2))

    assert images.min() < 0 < images.max()


@few
@given(st.integers(1, 3), st.integers(1, 40), st.lists(st.integers(1, 5), max_size=3))
def test_signals_of_any_length_come_back(n_channels, length, widths):
    """(N, C, T) -> (N, n_components) -> (N, C, T), exactly, for odd and tiny lengths."""
    net = ConvAutoencoder((n_channels, length), 3, (4,), widths=widths)
    x = torch.randn(2, n_channels, length)

    codes = net.encode(x)

    assert codes.shape == (2, 3)
    assert net.decode(codes).shape == x.shape


@pytest.mark.parametrize(
    ("build", "shape"),
    [(DenseAutoencoder, (5,)), (ConvAutoencoder, (2, 5, 4)), (ConvAutoencoder, (2, 7))],
)
def test_posteriors(build, shape):
    """Means and log-variances, one each for every number of the code, which is the mean."""
    net = build(shape[0] if len(shape) == 1 else shape, 3, (4,), variational=True)
    x = torch.randn(6, *shape)

    mean, log_variance = net.posterior(x)

    assert mean.shape == log_variance.shape == (6, 3)
    assert torch.equal(net.encode(x), mean)
    assert not torch.equal(mean, log_variance)
    torch.testing.assert_close(net(x), net.decode(mean))


# ---- PixelAutoencoder

OPTIONS = [
    {},
    {"dilations": (1,)},
    {"dilations": (3, 1), "patch_size": 5},
    {"kernel_size": 1, "dilations": (1, 1), "patch_size": 1},
    {"n_channels": 4, "kernel_size": 5, "dilations": (2,)},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_shapes_of_features_and_patches(options):
    """Features and patches are those of the pixels `margin` away from the border."""
    net = pixel_net(**options)
    c, size = options.get("n_channels", 2), options.get("patch_size", 9)
    inner = (20 - 2 * net.margin, 23 - 2 * net.margin)

    features, patches = net.encode(noise(3, c, 20, 23)), net(noise(3, c, 20, 23))

    assert net.n_features == c + 3 * len(options.get("dilations", (1, 1, 2, 4)))
    assert features.shape == (3, net.n_features, *inner)
    assert patches.shape == (3, c * size**2, *inner)


@pytest.mark.parametrize("options", OPTIONS)
def test_features_see_the_margin_and_nothing_else(options):
    """A changed pixel changes features up to `margin` pixels away, and none further on."""
    net = pixel_net(**options, n_filters=24)
    x = noise(1, options.get("n_channels", 2), 41, 41)
    changed = x.clone()
    changed[:, :, 20, 20] += 5

    difference = (net.encode(changed) != net.encode(x)).any(1)[0]

    rows, columns = (set((i + net.margin).tolist()) for i in difference.nonzero().T)
    reach = {20 - net.margin, 20 + net.margin}
    assert min(rows) == min(columns) == min(reach)
    assert max(rows) == max(columns) == max(reach)


def test_the_pixels_themselves_are_features():
    """The first channels of the features are the image, cropped."""
    net, x = pixel_net(), noise(1, 2, 20, 20)

    torch.testing.assert_close(net.encode(x)[:, :2], crop(x, net.margin))


def test_a_crop_has_the_features_of_the_whole():
    """Features of a tile with its margin are those of the image, wherever the tile lies."""
    net, x = pixel_net(), noise(1, 2, 40, 40)

    part = net.encode(x[:, :, 5:30, 9:34])

    torch.testing.assert_close(part, net.encode(x)[:, :, 5 : 30 - 16, 9 : 34 - 16])


def test_encode_and_decode_leave_the_input_alone():
    """Layers that work in place never reach the caller's images."""
    net, x = pixel_net(), noise(1, 2, 20, 20)
    before = x.clone()

    net.activations(x), net(x)

    assert torch.equal(x, before)


@pytest.mark.parametrize("spread", [1e-2, 1, 1e3])
def test_initialized_layers_have_unit_spread(spread):
    """Before the activation, every layer has spread 1 on the images, whatever their contrast."""
    net = PixelAutoencoder(2, 16).double()
    x = spread * noise(2, 2, 40, 40)

    net.initialize(x)

    maps = net.activations(x)
    for layer, m in zip(net.layers, maps, strict=False):
        # 1e-6 is added to a spread of about 0.01 where the images are faint.
        assert layer(m).std().item() == pytest.approx(1, rel=1e-3)
        assert not layer.bias.any()


def test_balanced_features_are_as_strong_as_untrained_ones():
    """However training has scaled a layer, its features have the spread of an untrained one."""
    net, x = pixel_net(n_filters=16), noise(2, 2, 40, 40)
    for layer, factor in zip(net.layers, (0.1, 5, 30, 0.5), strict=True):
        layer.weight.mul_(factor)

    net.balance(x)

    maps = net.activations(x)
    for strength, m in zip(net.strengths[1:], maps[1:], strict=True):
        assert (strength * m).std().item() == pytest.approx(RELU_SPREAD, rel=1e-4)
    assert net.strengths[0] == 1  # the pixels stay as they are


def test_the_spread_of_an_untrained_layer():
    """RELU_SPREAD is the standard deviation of a rectified standard normal."""
    assert noise(1_000_000).relu().std().item() == pytest.approx(RELU_SPREAD, abs=3e-3)


def test_strengths_are_saved_with_the_weights():
    """Balanced strengths are part of the state, so that a loaded net gives the same features."""
    net, x = pixel_net(), noise(1, 2, 20, 20)
    net.balance(x)
    twin = pixel_net()

    twin.load_state_dict(net.state_dict())

    assert torch.equal(twin.encode(x), net.encode(x))


def test_cropping():
    """Cropping takes the margin off every side, and nothing for a margin of 0."""
    maps = noise(1, 1, 6, 8)

    assert torch.equal(crop(maps, 2), maps[:, :, 2:4, 2:6])
    assert torch.equal(crop(maps, 0), maps)
