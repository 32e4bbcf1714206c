"""Display classes, as scikit-learn has them: computed once, drawn by `plot(ax=)`.

Colors are those of Okabe and Ito, maps are "cividis": both can be told apart by the color-blind.
matplotlib is loaded when something is drawn.
"""

from ._autoencoder_displays import LatentTraversalDisplay, LossCurveDisplay, ReconstructionDisplay
from ._inspection_displays import AttributionDisplay, PrototypeDisplay
from ._segmentation_displays import (
    FeatureMapDisplay,
    RegionTreeDisplay,
    SegmentationDisplay,
    UncertaintyDisplay,
)

__all__ = [
    "AttributionDisplay",
    "FeatureMapDisplay",
    "LatentTraversalDisplay",
    "LossCurveDisplay",
    "PrototypeDisplay",
    "ReconstructionDisplay",
    "RegionTreeDisplay",
    "SegmentationDisplay",
    "UncertaintyDisplay",
]
