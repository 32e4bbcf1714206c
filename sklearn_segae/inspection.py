"""Why a pixel got its label, and what a fitted segmenter or autoencoder knows."""

from ._attribution import pixel_attribution
from ._importance import component_importance
from ._prototypes import segment_prototypes
from ._reconstruction_error import reconstruction_error
from ._traversal import latent_traversal

__all__ = [
    "component_importance",
    "latent_traversal",
    "pixel_attribution",
    "reconstruction_error",
    "segment_prototypes",
]
