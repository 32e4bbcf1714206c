"""Plugin for the viewer napari: segmentation from strokes on its layers."""
