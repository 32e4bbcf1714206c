"""Autoencoders as torch modules: each one has `encode`, `decode` and `forward`."""

from ._autoencoders import ConvAutoencoder, DenseAutoencoder
from ._pixel_autoencoder import PixelAutoencoder

__all__ = [
    "ConvAutoencoder",
    "DenseAutoencoder",
    "PixelAutoencoder",
]
