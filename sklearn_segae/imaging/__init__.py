"""Validation, normalization, tiling, sampling and rendering of images and label maps."""
