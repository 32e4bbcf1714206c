"""Display classes in the style of scikit-learn, drawn by `plot(ax=...)`.

Segments have the colors of Okabe and Ito, and maps the colormap "cividis": both are safe for
color-blind readers. matplotlib is imported when something is drawn.
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
