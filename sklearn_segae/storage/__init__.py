"""Images and label maps on disk that are read and written in pieces."""

from ._out_of_core import create_labels, open_image

__all__ = ["create_labels", "open_image"]
