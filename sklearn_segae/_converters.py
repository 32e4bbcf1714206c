"""skl2onnx learns of AutoencoderTransformer, so that pipelines with one convert."""

from __future__ import annotations

from typing import Any

from ._autoencoder import AutoencoderTransformer
from ._files import require
from ._onnx import autoencoder_graph


def register() -> None:
    """Tell skl2onnx how an AutoencoderTransformer is converted; twice does no harm."""
    require("skl2onnx", "onnx").update_registered_converter(
        AutoencoderTransformer, "SegaeAutoencoderTransformer", _set_output_type, _convert
    )


def _set_output_type(operator: Any) -> None:
    """Tell that codes are float32, n_components for every sample."""
    from skl2onnx.common.data_types import FloatTensorType

    model = operator.raw_operator
    operator.outputs[0].type = FloatTensorType([None, model._n_components])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Put the graph of the encoder in the place of the estimator."""
    import onnx
    from skl2onnx.common.data_types import FloatTensorType
    from skl2onnx.helpers import add_onnx_graph

    given = operator.inputs[0].type
    if not isinstance(given, FloatTensorType):
        raise ValueError(
            f"the input of AutoencoderTransformer is a {type(given).__name__}, but its graph takes "
            "float32. Pass initial_types with a FloatTensorType."
        )
    graph = autoencoder_graph(operator.raw_operator, "encode")
    add_onnx_graph(scope, operator, container, onnx.load_from_string(graph))
