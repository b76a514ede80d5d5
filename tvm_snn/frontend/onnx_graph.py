"""ONNX models to Relax."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from pathlib import Path
from typing import Any

import onnx
import tvm
from onnx import numpy_helper

from ..errors import ModelError, UnsupportedOperatorError
from .checks import check_finite
from .layer_names import name_layers
from .messages import first_sentence
from .onnx_attributes import check_attributes
from .onnx_constants import fold_constants
from .onnx_names import layers_of
from .onnx_shapes import fix_shapes
from .operator_builder import OperatorBuilder
from .output_names import name_outputs

_STANDARD_DOMAINS = ("", "ai.onnx")
_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization", "PRelu")


def load_onnx(path: Path) -> onnx.ModelProto:
    """Read a model with the external data beside it; raises ModelError when that fails."""
    try:
        return onnx.load(path)
    except FileNotFoundError as error:
        raise ModelError(
            f"{path} keeps its weights in {Path(str(error.filename)).name!r}, which is not beside "
            "it: put the two files into one folder."
        ) from error
    except Exception as error:
        raise ModelError(
            f"{path} is not a readable ONNX model ({error}). The file may be truncated: copy or "
            "export it again."
        ) from error


def import_onnx(model: onnx.ModelProto, example_inputs: Any = None) -> tvm.IRModule:
    """Import a model; `example_inputs` fix the shapes of inputs that have dynamic ones."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    _check_external_data(copy.graph)
    fix_shapes(copy.graph, example_inputs)
    _check_operators(copy)
    _check_weights(copy.graph)
    folded = _fold(copy)
    check_attributes(folded)
    module = name_layers(_to_relax(folded), layers_of(folded.graph))
    return name_outputs(module, [output.name for output in folded.graph.output])


def _check_external_data(graph: onnx.GraphProto) -> None:
    for tensor in graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise ModelError(
                f"Weight {tensor.name!r} of the ModelProto is in an external file that was not "
                "loaded: pass the path of the .onnx file, or use onnx.load with external data."
            )


def _check_operators(model: onnx.ModelProto) -> None:
    local = {(function.domain, function.name) for function in model.functions}
    opset = _opset(model)
    for node in model.graph.node:
        if (node.domain, node.op_type) in local:
            continue
        if node.domain not in _STANDARD_DOMAINS:
            raise UnsupportedOperatorError(
                f"Node {node.name!r} is a {node.domain}.{node.op_type}; only standard ONNX "
                "operators can be imported. Export the model without vendor extensions."
            )
        if not onnx.defs.has(node.op_type, max_inclusive_version=opset):
            raise UnsupportedOperatorError(
                f"Node {node.name!r} is a {node.op_type}, which ONNX does not have in opset "
                f"{opset}: replace it in the model."
            )
    try:
        onnx.checker.check_model(_with_output_shapes(model))
    except Exception as error:
        raise ModelError(
            f"The ONNX model is malformed: {first_sentence(error)} Export it again."
        ) from error


def _opset(model: onnx.ModelProto) -> int:
    """Return the version of the standard operators that the model was written for."""
    for entry in model.opset_import:
        if entry.domain in _STANDARD_DOMAINS:
            return int(entry.version)
    raise ModelError("The ONNX model names no opset: export it again.")


def _with_output_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model whose outputs have shapes: the checker insists, though nothing needs them."""
    if all(output.type.tensor_type.HasField("shape") for output in model.graph.output):
        return model
    return onnx.shape_inference.infer_shapes(model)


def _check_weights(graph: onnx.GraphProto) -> None:
    """Refuse NaN everywhere, and infinities in the weights of layers (masks may have them)."""
    weights = {name for node in graph.node if node.op_type in _WEIGHTED for name in node.input}
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype.kind == "f":
            check_finite(tensor.name, array, infinities=tensor.name not in weights)


def _fold(model: onnx.ModelProto) -> onnx.ModelProto:
    try:
        return fold_constants(model)
    except Exception as error:
        raise ModelError(
            f"The constants of the ONNX model cannot be evaluated: {first_sentence(error)} The "
            "model is malformed; export it again."
        ) from error


def _to_relax(model: onnx.ModelProto) -> tvm.IRModule:
    from tvm.relax.frontend.onnx.onnx_frontend import ONNXGraphImporter

    importer = ONNXGraphImporter(None, "float32", sanitize=False)
    importer.bb = OperatorBuilder()
    # The importer prints the operator it fails at, and raises without naming it.
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importer.from_onnx(model.graph, _opset(model))
    except tvm.error.OpNotImplemented as error:
        lacking = str(error).rpartition(":")[2].strip()
        raise UnsupportedOperatorError(
            f"TVM's ONNX importer lacks {lacking}: replace it in the model by operators it has."
        ) from error
    except UnsupportedOperatorError:
        raise
    except Exception as error:
        operator = re.search(r"Error converting operator (\w+)", printed.getvalue())
        if operator is None:
            raise ModelError(
                f"TVM's ONNX importer rejects the model: {first_sentence(error)}"
            ) from error
        raise UnsupportedOperatorError(
            f"TVM's ONNX importer rejects a {operator[1]} node: {first_sentence(error)}"
        ) from error
