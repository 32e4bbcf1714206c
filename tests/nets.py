"""Small networks and noise, for tests of what is computed with them."""

import torch

from sklearn_segae.networks import PixelAutoencoder


def noise(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def pixel_net(**options):
    """A small PixelAutoencoder in float64, with weights as before training."""
    net = PixelAutoencoder(**{"n_channels": 2, "n_filters": 3, **options}).double()
    net.initialize(noise(2, options.get("n_channels", 2), 40, 40))
    return net
