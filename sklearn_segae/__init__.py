"""Image segmentation with autoencoders, as scikit-learn estimators.

The three estimators live here, three classifiers for the last, and `show_versions`; the modules
`datasets`, `distributed`, `inspection`, `metrics`, `model_selection`, `networks`, `persistence`,
`plotting` and `storage` are imported by name.
"""

from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from ._compat import show_versions
    from .autoencoder._autoencoder_transformer import AutoencoderTransformer
    from .encoding._pixel_encoder import PixelEncoder
    from .segmentation._pixel_head import PixelHead
    from .segmentation._pixel_voting import PixelVotingClassifier
    from .segmentation._segmenter import AESegmenter
    from .segmentation._unet_classifier import UNetClassifier


__all__ = [
    "AESegmenter",
    "AutoencoderTransformer",
    "PixelEncoder",
    "PixelHead",
    "PixelVotingClassifier",
    "UNetClassifier",
    "__version__",
    "show_versions",
]

_HOMES = {
    "AESegmenter": "segmentation._segmenter",
    "AutoencoderTransformer": "autoencoder._autoencoder_transformer",
    "PixelEncoder": "encoding._pixel_encoder",
    "PixelHead": "segmentation._pixel_head",
    "PixelVotingClassifier": "segmentation._pixel_voting",
    "UNetClassifier": "segmentation._unet_classifier",
    "show_versions": "_compat",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: importing torch takes seconds, importing this package should not.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
