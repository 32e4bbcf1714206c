"""Display classes in the style of scikit-learn, drawn by `plot(ax=...)`.

Segments have the colors of Okabe and Ito, and maps the colormap "cividis": both are safe for
color-blind readers. matplotlib is imported when something is drawn.
"""

from ._autoencoder_displays import LatentTraversalDisplay, LossCurveDisplay, ReconstructionDisplay
from ._feature_displays import FeatureMapDisplay, RegionTreeDisplay
from ._inspection_displays import AttributionDisplay, PrototypeDisplay
from ._segmentation_displays import SegmentationDisplay, UncertaintyDisplay
from ._slice_viewer import SliceViewer

__all__ = [
    "AttributionDisplay",
    "FeatureMapDisplay",
    "LatentTraversalDisplay",
    "LossCurveDisplay",
    "PrototypeDisplay",
    "ReconstructionDisplay",
    "RegionTreeDisplay",
    "SegmentationDisplay",
    "SliceViewer",
    "UncertaintyDisplay",
]
