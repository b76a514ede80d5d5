"""Operators of PyTorch that TVM's importer gets wrong or lacks, as Relax operators."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.fx import Node
from tvm import relax

from ..errors import UnsupportedOperatorError
from ..ops import static_shape
from .negative_indices import wrapped

Converter = Callable[[Node, Any], relax.Var]
"""From a node and TVM's importer, whose builder and environment it uses."""


def _nearest(node: Node, importer: Any) -> relax.Var:
    """`interpolate(mode="nearest")`: output y reads input floor(y * scale).

    TVM's importer rounds pixel centers instead, which is the same for whole factors only.
    """
    x = importer.env[node.args[0]]
    sizes = _shape(x)[2:]
    factors = _argument(node, 2, "scale_factors") or (None,) * len(sizes)
    for axis, (size, wanted, factor) in enumerate(
        zip(sizes, _output_sizes(node), factors, strict=True), 2
    ):
        x = _take(importer, x, _nearest_sources(size, wanted, factor), axis)
    return x


def _nearest_sources(size: int, wanted: int, factor: float | None) -> NDArray[np.int64]:
    # In float32 as PyTorch computes it, for the floor depends on the last bit.
    scale = np.float32(1.0 / factor) if factor else np.float32(size) / np.float32(wanted)
    sources = np.floor(np.arange(wanted, dtype=np.float32) * scale)
    if wanted == 2 * size:
        sources = np.arange(wanted) // 2
    return np.minimum(sources, size - 1).astype(np.int64)


def _bilinear(node: Node, importer: Any) -> relax.Var:
    """`interpolate(mode="bilinear")`: TVM's resize, unless the factor is not the sizes' ratio.

    For example factor 0.5 makes 4 pixels of 9, and PyTorch steps by 2 and not by 9/4.
    """
    x = importer.env[node.args[0]]
    sizes, wanted = _shape(x)[2:], _output_sizes(node)
    align_corners = bool(_argument(node, 2, "align_corners"))
    factors = _argument(node, 3, "scale_factors")
    if factors is None or align_corners or _are_ratios(sizes, wanted, factors):
        mode = "align_corners" if align_corners else "half_pixel"
        resize = relax.op.image.resize2d(
            x, wanted, layout="NCHW", method="linear", coordinate_transformation_mode=mode
        )
        return importer.block_builder.emit(resize)
    for axis, (size, want, factor) in enumerate(zip(sizes, wanted, factors, strict=True), 2):
        x = _interpolate(importer, x, axis, size, want, factor)
    return x


def _are_ratios(sizes: Sequence[int], wanted: Sequence[int], factors: Sequence[float]) -> bool:
    return all(s * f == w for s, w, f in zip(sizes, wanted, factors, strict=True))


def _interpolate(
    importer: Any, x: relax.Expr, axis: int, size: int, wanted: int, factor: float
) -> relax.Var:
    """Interpolate linearly along one axis, stepping by 1 / factor."""
    positions = np.maximum((np.arange(wanted) + 0.5) / factor - 0.5, 0)
    before = np.minimum(np.floor(positions), size - 1).astype(np.int64)
    after = np.minimum(before + 1, size - 1)
    shape = [1] * len(_shape(x))
    shape[axis] = wanted
    weight = (positions - before).astype(np.float32).reshape(shape)
    emit = importer.block_builder.emit
    left = emit(
        relax.op.multiply(_take(importer, x, before, axis), relax.const(np.float32(1) - weight))
    )
    right = emit(relax.op.multiply(_take(importer, x, after, axis), relax.const(weight)))
    return emit(relax.op.add(left, right))


def _antialiased(node: Node, _importer: Any) -> relax.Var:
    raise UnsupportedOperatorError(
        f"{_place(node)} resizes with antialias=True, which has no Relax operator: resize without "
        "it, or outside of the model."
    )


def _index(node: Node, importer: Any) -> relax.Var:
    """`x[i, j, ...]` with tensors: they are broadcast together and pick element by element."""
    data, indices = importer.retrieve_args(node)[:2]
    chosen = [(axis, index) for axis, index in enumerate(indices) if index is not None]
    if any(str(index.ty.dtype) == "bool" for _, index in chosen):
        raise UnsupportedOperatorError(
            f"{_place(node)} indexes with a mask, so that the shape of its result depends on "
            "values: index with fixed numbers, or use torch.where."
        )
    emit = importer.block_builder.emit
    if len(chosen) == 1:
        axis, index = chosen[0]
        return emit(relax.op.take(data, index, axis=axis))
    axes = [axis for axis, _ in chosen]
    shape = _shape(data)
    others = [axis for axis in range(len(shape)) if axis not in axes]
    flat = _flat_index(importer, [index for _, index in chosen], [shape[axis] for axis in axes])
    front = emit(relax.op.permute_dims(data, [*axes, *others]))
    front = emit(relax.op.reshape(front, [-1, *(shape[axis] for axis in others)]))
    picked = emit(relax.op.take(front, flat, axis=0))
    if axes != list(range(axes[0], axes[-1] + 1)) or axes[0] == 0:
        return picked
    # Indices that stand side by side leave their result in their place.
    rank, place = len(_shape(flat)), axes[0]
    order = [*range(rank, rank + place), *range(rank), *range(rank + place, rank + len(others))]
    return emit(relax.op.permute_dims(picked, order))


def _flat_index(importer: Any, indices: Sequence[relax.Expr], sizes: Sequence[int]) -> relax.Expr:
    """Return the indices of several axes as one index of these axes flattened."""
    builder = importer.block_builder
    total: relax.Expr | None = None
    for index, size in zip(indices, sizes, strict=True):
        index = wrapped(builder, builder.emit(relax.op.astype(index, "int64")), size)
        if total is None:
            total = index
        else:
            total = builder.emit(relax.op.multiply(total, relax.const(size, "int64")))
            total = builder.emit(relax.op.add(total, index))
    assert total is not None, "an index has at least one tensor"
    return total


def _squeeze(node: Node, importer: Any) -> relax.Var:
    """Axes that are not of size 1 stay: PyTorch allows to name them."""
    x = importer.env[node.args[0]]
    shape = _shape(x)
    named: Any = node.args[1] if len(node.args) > 1 else range(len(shape))
    named = [named] if isinstance(named, int) else named
    axes = sorted({axis % len(shape) for axis in named if shape[axis] == 1} if shape else ())
    return importer.block_builder.emit(relax.op.squeeze(x, axes)) if axes else x


def _extremum(operator: Callable[..., relax.Expr]) -> Converter:
    def convert(node: Node, importer: Any) -> relax.Var:
        x = importer.env[node.args[0]]
        axes: Any = list(_argument(node, 1, "dim") or ()) or None
        return importer.block_builder.emit(
            operator(x, axes, bool(_argument(node, 2, "keepdim") or False))
        )

    return convert


def _argument(node: Node, position: int, name: str) -> Any:
    return node.args[position] if len(node.args) > position else node.kwargs.get(name)


def _output_sizes(node: Node) -> tuple[int, ...]:
    return tuple(int(size) for size in node.meta["val"].shape[2:])


def _take(importer: Any, x: relax.Expr, sources: NDArray[np.int64], axis: int) -> relax.Expr:
    if np.array_equal(sources, np.arange(_shape(x)[axis])):
        return x
    return importer.block_builder.emit(relax.op.take(x, relax.const(sources, "int64"), axis=axis))


def _shape(x: relax.Expr) -> tuple[int, ...]:
    shape = static_shape(x.ty)
    assert shape is not None, "programs with dynamic shapes are refused before"
    return shape


def _place(node: Node) -> str:
    stack = node.meta.get("nn_module_stack") or {}
    paths = [path for path, _ in stack.values()]
    return f"Layer {paths[-1]!r}" if paths and paths[-1] else f"The node {node.name!r}"


CONVERTERS: dict[str, Converter] = {
    "upsample_nearest2d.vec": _nearest,
    "upsample_bilinear2d.vec": _bilinear,
    "_upsample_bilinear2d_aa.default": _antialiased,
    "_upsample_bilinear2d_aa.vec": _antialiased,
    "index.Tensor": _index,
    "squeeze.default": _squeeze,
    "squeeze.dim": _squeeze,
    "squeeze.dims": _squeeze,
    "amax.default": _extremum(relax.op.max),
    "amin.default": _extremum(relax.op.min),
}
"""By the name of the operator in PyTorch, for `custom_convert_map` of TVM's importer."""
