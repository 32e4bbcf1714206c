"""Networks as torch modules: autoencoders, with `encode`, `decode` and `forward`, and a U-Net."""

from ._autoencoders import ConvAutoencoder, DenseAutoencoder
from ._pixel_autoencoder import PixelAutoencoder
from ._unet import UNet

__all__ = [
    "ConvAutoencoder",
    "DenseAutoencoder",
    "PixelAutoencoder",
    "UNet",
]
