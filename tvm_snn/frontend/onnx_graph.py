"""ONNX models to Relax."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import tvm
from onnx import numpy_helper

from ..errors import ModelError, UnsupportedOperatorError
from .checks import check_finite
from .layer_names import name_layers
from .onnx_constants import fold_constants
from .onnx_names import layers_of
from .operator_builder import OperatorBuilder

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
    _fix_shapes(copy.graph, example_inputs)
    _check_operators(copy)
    _check_weights(copy.graph)
    folded = _fold(copy)
    return name_layers(_to_relax(folded), layers_of(folded.graph))


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
            f"The ONNX model is malformed: {_first_line(error)} Export it again."
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


def _fix_shapes(graph: onnx.GraphProto, example_inputs: Any) -> None:
    """Give every input a static shape, from the examples where the model leaves it open."""
    initialized = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in initialized]
    examples = _named_examples([value.name for value in inputs], example_inputs)
    changed = False
    for value in inputs:
        changed |= _fix_shape(value, examples.get(value.name))
    if changed:
        # What was inferred under the open shapes is inferred again.
        del graph.value_info[:]
        for output in graph.output:
            for dim in output.type.tensor_type.shape.dim:
                dim.Clear()


def _fix_shape(value: onnx.ValueInfoProto, example: Any) -> bool:
    """Set the open dimensions of an input from an example; return whether there were any."""
    name, shape = value.name, value.type.tensor_type.shape
    sizes = [dim.dim_value if dim.dim_value > 0 else None for dim in shape.dim]
    known = value.type.tensor_type.HasField("shape")
    if example is None:
        for axis, dim in enumerate(shape.dim):
            if sizes[axis] is None:
                raise ModelError(
                    f"Dimension {axis} of input {name!r} is dynamic ({dim.dim_param or '?'}). "
                    "Compiled networks have fixed shapes: pass example_inputs of the shape wanted, "
                    "or export with static shapes."
                )
        if not known:
            raise ModelError(f"Input {name!r} has no shape: pass example_inputs to give it one.")
        return False
    wanted = tuple(int(size) for size in example.shape)
    fits = len(wanted) == len(sizes) and all(
        size in (None, want) for size, want in zip(sizes, wanted, strict=False)
    )
    if known and not fits:
        given = tuple("?" if size is None else size for size in sizes)
        raise ModelError(
            f"Input {name!r} has shape {given} in the model, the example has {wanted}: export the "
            "model for that shape, or with the dimension dynamic."
        )
    if known and None not in sizes:
        return False
    del shape.dim[:]
    for size in wanted:
        shape.dim.add().dim_value = size
    return True


def _named_examples(names: Sequence[str], example_inputs: Any) -> dict[str, Any]:
    if example_inputs is None:
        return {}
    if isinstance(example_inputs, Mapping):
        unknown = sorted(set(example_inputs) - set(names))
        if unknown:
            raise ModelError(f"The model has no input {unknown[0]!r}; its inputs are {names}.")
        return dict(example_inputs)
    if not isinstance(example_inputs, Sequence):
        example_inputs = (example_inputs,)
    if len(example_inputs) != len(names):
        raise ModelError(
            f"The model has {len(names)} inputs ({', '.join(names)}), example_inputs has "
            f"{len(example_inputs)}."
        )
    return dict(zip(names, example_inputs, strict=True))


def _fold(model: onnx.ModelProto) -> onnx.ModelProto:
    try:
        return fold_constants(model)
    except Exception as error:
        raise ModelError(
            f"The constants of the ONNX model cannot be evaluated: {_first_line(error)} The "
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
                f"TVM's ONNX importer rejects the model: {_first_line(error)}"
            ) from error
        raise UnsupportedOperatorError(
            f"TVM's ONNX importer rejects a {operator[1]} node of the model: {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    """Return the first line of an error's message, ended like a sentence."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    line = lines[0] if lines else type(error).__name__
    return line if line.endswith((".", "!", "?")) else f"{line}."
