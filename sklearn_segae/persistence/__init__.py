"""Save fitted estimators as data, not code, and load them without trusting the file."""

from ._persist import export_onnx, load, register_onnx_converters, save

__all__ = [
    "export_onnx",
    "load",
    "register_onnx_converters",
    "save",
]
