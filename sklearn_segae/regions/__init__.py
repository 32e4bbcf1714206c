"""Region trees: hierarchical segmentation of one image."""
