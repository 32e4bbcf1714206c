"""Explanation of fitted segmenters and autoencoders."""

from ._attribution import pixel_attribution
from ._component_importance import component_importance
from ._latent_traversal import latent_traversal
from ._prototypes import segment_prototypes
from ._reconstruction_error import reconstruction_error

__all__ = [
    "component_importance",
    "latent_traversal",
    "pixel_attribution",
    "reconstruction_error",
    "segment_prototypes",
]
