"""Images and label maps on disk that are read and written in pieces."""

from ._name_axes import name_axes
from ._out_of_core import create_labels, open_image, read_spacing

__all__ = ["create_labels", "name_axes", "open_image", "read_spacing"]
