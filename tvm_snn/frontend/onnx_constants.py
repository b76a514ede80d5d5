"""Folds what an ONNX model computes from its weights and shapes alone.

Binary networks binarise their weights inside `forward`; exporters write that work into the graph.
"""

from collections import Counter
from collections.abc import Iterator
from math import prod

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from onnxscript import ir, optimizer
from onnxscript.ir.passes.common import LiftConstantsToInitializersPass

MAX_SEQUENTIAL = 64
"""Sums of up to so many terms are made term by term."""

MAX_GROWTH = 16
"""An Expand that repeats its input more often is left to TVM, which broadcasts for nothing."""

_PER_AXIS_SINCE_13 = ("Hardmax", "LogSoftmax", "Softmax")
"""Before opset 13 these took all axes from `axis` on together; ONNX's reference never does."""

_REDUCTIONS = ("ReduceL2", "ReduceSum", "ReduceSumSquare")
_RANDOM = ("Bernoulli", "Dropout", "Multinomial", "RandomNormalLike", "RandomUniformLike")


def fold_constants(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with local functions inlined and constant nodes evaluated.

    onnxscript folds shape arithmetic, what is left is folded node by node; no other rewrite is
    made, so that every layer stays as its node says. An `Expand` to many times the size stays: a
    bias expanded to the size of an activation is large. So does what ONNX's reference evaluator
    has no code for in the model's opset: TVM imports it. The model is not changed.
    """
    graph = ir.from_proto(model)
    optimizer.inline(graph)
    optimizer.fold_constants(graph, onnx_shape_inference=True, should_fold=_should_fold)
    # TVM's importer reads only one of the ways in which a Constant node holds its value.
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(graph)
    optimizer.remove_unused_nodes(graph)
    folded = ir.to_proto(graph)
    _fold_weights(folded)
    return folded


def _should_fold(node: ir.Node) -> bool | None:
    """Tell onnxscript what not to fold; None leaves it to its own rules."""
    return False if node.op_type in ("Expand", *_REDUCTIONS, *_PER_AXIS_SINCE_13) else None


def _fold_weights(model: onnx.ModelProto) -> None:
    """Evaluate nodes with constant inputs, in place, dropping values as soon as nobody reads them.

    The search for the nearest pattern makes tensors many times larger than the weights.
    """
    graph, opsets = model.graph, list(model.opset_import)
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    originals = {tensor.name: tensor for tensor in graph.initializer}
    readers = Counter(name for node in graph.node for name in set(_reads(node)))
    readers.update(output.name for output in graph.output)
    kept = []
    for node in graph.node:
        results = _evaluate(node, values, opsets) if _is_foldable(node, values, opsets) else None
        if results is None:
            kept.append(node)
            continue
        values.update(results)
        for name in set(node.input) - {""}:
            readers[name] -= 1
            if not readers[name]:
                del values[name]
    needed = {name for node in kept for name in _reads(node)} | {o.name for o in graph.output}
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(
        originals.get(name) or numpy_helper.from_array(np.asarray(value, order="C"), name)
        for name, value in values.items()
        if name in needed
    )


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    """Yield the names that a node and its subgraphs read."""
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from _reads(inner)
            yield from (output.name for output in graph.output)


def _is_foldable(
    node: onnx.NodeProto, values: dict[str, NDArray], opsets: list[onnx.OperatorSetIdProto]
) -> bool:
    if node.op_type in ("Constant", *_RANDOM) or not node.input:
        return False
    standard = max(opset.version for opset in opsets if opset.domain in ("", "ai.onnx"))
    if node.op_type in _PER_AXIS_SINCE_13 and standard < 13:
        return False
    if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
        return False
    if not all(not name or name in values for name in node.input):
        return False
    return node.op_type != "Expand" or not _grows(*(values[name] for name in node.input))


def _grows(array: NDArray, shape: NDArray) -> bool:
    """Tell whether expanding an array to a shape makes much out of little."""
    return prod(np.broadcast_shapes(array.shape, tuple(shape))) > MAX_GROWTH * array.size


def _evaluate(
    node: onnx.NodeProto, values: dict[str, NDArray], opsets: list[onnx.OperatorSetIdProto]
) -> dict[str, NDArray] | None:
    """Return a node's results, None when ONNX's reference evaluator lacks its version."""
    names = [name for name in dict.fromkeys(node.input) if name]
    outputs = [name for name in node.output if name]
    function = onnx.helper.make_function("", "fold", names, outputs, [node], opsets)
    try:
        evaluator = ReferenceEvaluator(function, new_ops=_OPERATORS)
    except RuntimeError:
        # It finds each operator's code when it is made, and runs none.
        return None
    results = evaluator.run(None, {name: values[name] for name in names}, attributes={})
    return {name: np.asarray(result) for name, result in zip(outputs, results, strict=True)}


def _sequential_sum(
    terms: NDArray, axes: NDArray | None, keepdims: int | None, noop_with_empty_axes: int | None
) -> NDArray:
    """Sum over axes in the order of their indices, as PyTorch and onnxruntime do for few terms.

    numpy adds pairwise, which rounds otherwise; an argmin over distances that tie in float32 would
    then pick another kernel than the framework does.
    """
    if axes is None or np.size(axes) == 0:
        if noop_with_empty_axes:
            return terms
        axes = np.arange(terms.ndim)
    where = tuple(int(axis) % terms.ndim for axis in np.atleast_1d(axes))
    moved = np.moveaxis(terms, where, tuple(range(len(where))))
    moved = moved.reshape(-1, *moved.shape[len(where) :])
    if 0 < len(moved) <= MAX_SEQUENTIAL:
        total = moved[0].copy()
        for term in moved[1:]:
            total += term
    else:
        total = moved.sum(axis=0, dtype=terms.dtype)
    keep = keepdims is None or keepdims
    return np.expand_dims(total, where) if keep else np.asarray(total)


class ReduceSum(OpRun):
    """Sum over axes."""

    op_domain = ""

    def _run(self, data, axes=None, keepdims=None, noop_with_empty_axes=None):  # type: ignore[no-untyped-def]
        return (_sequential_sum(data, axes, keepdims, noop_with_empty_axes),)


class ReduceSumSquare(OpRun):
    """Sum of squares over axes."""

    op_domain = ""

    def _run(self, data, axes=None, keepdims=None, noop_with_empty_axes=None):  # type: ignore[no-untyped-def]
        return (_sequential_sum(data * data, axes, keepdims, noop_with_empty_axes),)


class ReduceL2(OpRun):
    """Euclidean norm over axes."""

    op_domain = ""

    def _run(self, data, axes=None, keepdims=None, noop_with_empty_axes=None):  # type: ignore[no-untyped-def]
        return (np.sqrt(_sequential_sum(data * data, axes, keepdims, noop_with_empty_axes)),)


class GatherND(OpRun):
    """Gather by coordinates; ONNX's own reference loops over them in Python."""

    op_domain = ""

    def _run(self, data, indices, batch_dims=None):  # type: ignore[no-untyped-def]
        batch = batch_dims or 0
        grid = np.indices(indices.shape[:batch])
        fill = indices.ndim - 1 - batch
        leading = tuple(axis.reshape(axis.shape + (1,) * fill) for axis in grid)
        return (data[leading + tuple(np.moveaxis(indices, -1, 0))],)


_OPERATORS: list[type[OpRun]] = [ReduceSum, ReduceSumSquare, ReduceL2, GatherND]
