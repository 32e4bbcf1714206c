"""Conversion of torch modules to ONNX graphs, and sessions to run them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .._compat import require

OPSET = 17  # of 2022, which most programs support


def graph_of(
    module: nn.Module,
    example: Tensor,
    names: Sequence[str],
    free: Sequence[int],
) -> bytes:
    """Trace a module into an ONNX graph of opset `OPSET`, weights included.

    Parameters
    ----------
    module : nn.Module
        A module with one input.
    example : Tensor
        An input.
    names : sequence of str
        Names of the input and of all outputs.
    free : sequence of int
        Axes of all of them with variable size.
    """
    require("onnx", "onnx")
    buffer: Any = io.BytesIO()
    axes = {name: {axis: f"{name}_{axis}" for axis in free} for name in names}
    with warnings.catch_warnings():
        # The exporter without dynamo is deprecated, but 100 times faster.
        warnings.simplefilter("ignore")
        options: Any = {"opset_version": OPSET, "dynamo": False, "dynamic_axes": axes}
        torch.onnx.export(
            module.eval(),
            (example,),
            buffer,
            input_names=[names[0]],
            output_names=list(names[1:]),
            **options,
        )
    return buffer.getvalue()


def session_of(graph: bytes, n_threads: int = 0) -> Any:
    """Return an onnxruntime session on the CPU; 0 threads are as many as torch uses."""
    runtime = require("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = n_threads or torch.get_num_threads()
    options.log_severity_level = 3  # errors only
    return runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
