"""Compute the first part of a network for a few images of a batch at a time.

    y = tail(body(x))      becomes      y = tail(concat(body(x[0:1]), body(x[1:2]), ...))

What layers hand on then stays in the second-level cache. The rule: `body` ends with the last layer
that reads a result of more than 1 MiB for the whole batch, and its slices have as many images as
take less, or one. Later layers, whose images are small, gain more by reading their weights once for
the whole batch. `body` has to keep images apart (see `image_values`); the first layer that does not
ends it.

There is one `body` until operators are kernels, so that each kernel is made once; then
`inline_body` repeats its calls.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
import tvm
from tvm import relax
from tvm.relax.analysis import free_vars

from ..ops import static_shape
from .channels_last import ELEMENTWISE
from .image_values import image_values
from .layers import operator_name, var_bindings
from .mutation import emit_named, rebuilt

WHOLE_BATCH_BYTES = 1 << 20
"""Size of a result, of all images together, up to which it is computed for all of them at once."""

_FUSED = ELEMENTWISE | {"snn.pack_signs"}
"""Operators that join the kernel which computes what they read."""

BODY = "compute_slice"
"""Name of the function."""
_PLAN = "slices"
"""Attribute: number of the last stage of the body, and the images of a slice."""


@dataclass(frozen=True)
class Body:
    """The part of a network that is computed for a few images at a time."""

    bindings: tuple[relax.VarBinding, ...]
    before: tuple[relax.VarBinding, ...]
    """Of the rest of the network what depends on no image."""
    after: tuple[relax.VarBinding, ...]
    inputs: tuple[relax.Var, ...]
    """Tensors that are cut into slices."""
    shared: tuple[relax.Var, ...]
    """Others that are read: weights, above all."""
    results: tuple[relax.Var, ...]
    """Tensors that the rest of the network reads, or returns."""
    batch: int
    slice: int
    """Images of a slice: a divisor of the batch."""


def plan_slices(module: tvm.IRModule) -> tvm.IRModule:
    """Note in the attributes of `main` what :func:`sliced` is to make of it, if anything."""
    plan = _plan(module["main"])
    if plan is None:
        return module
    planned = tvm.IRModule(dict(module.functions), attrs=module.attrs)
    planned["main"] = module["main"].with_attr(_PLAN, list(plan))
    return planned


@tvm.transform.module_pass(opt_level=0, name="SliceBatch")
class SliceBatch:
    """The pass that does what :func:`sliced` does."""

    def transform_module(
        self, module: tvm.IRModule, _context: tvm.transform.PassContext
    ) -> tvm.IRModule:
        """Apply to `main`."""
        return sliced(module)


def sliced(module: tvm.IRModule) -> tvm.IRModule:
    """Make the first part of `main` a function :data:`BODY`, and call it for slices of the batch.

    Without a plan the module stays as it is.
    """
    main = module["main"]
    plan = (main.attrs or {}).get(_PLAN)
    if plan is None:
        return module
    body = _body(main, *map(int, plan))
    builder = relax.BlockBuilder(module)
    function = _body_function(builder, body)
    builder.update_func(module.get_global_var("main"), _calling(main, body, function))
    return builder.get()


def functions_of(module: tvm.IRModule) -> dict[str, relax.Function]:
    """Return what computes a network by name: `main`, and before it :data:`BODY` if there is one.

    The calls in them are those that kernels are made for, and chosen for.
    """
    divided = sliced(module)
    names = {str(name.name_hint) for name in divided.get_global_vars()}
    return {name: divided[name] for name in (BODY, "main") if name in names}


def _plan(main: relax.Function) -> tuple[int, int] | None:
    """Return the last stage of the body and the images of a slice; None for no body."""
    batch, apart = image_values(main)
    stage = _stages(main, apart)
    bindings = [binding for binding in var_bindings(main) if binding.var in apart]
    mixed = min((stage[b.var] for b in bindings if not apart[b.var]), default=len(stage))
    computed = {binding.var for binding in bindings}
    large = [
        (stage[binding.var], _nbytes(value))
        for binding in bindings
        for value in free_vars(binding.value)
        if value in computed
        and stage[value] < stage[binding.var] < mixed
        and _nbytes(value) > WHOLE_BATCH_BYTES
    ]
    if batch < 2 or not large:
        return None
    image = max(nbytes for _, nbytes in large) // batch
    fit = [n for n in range(1, batch) if batch % n == 0 and n * image <= WHOLE_BATCH_BYTES]
    return max(last for last, _ in large), max(fit, default=1)


def _stages(main: relax.Function, apart: Mapping[relax.Expr, bool]) -> dict[relax.Expr, int]:
    """Number the images by what computes them: what is elementwise is fused to what comes before.

    A value that is read in a later stage than its own lies in memory.
    """
    stage: dict[relax.Expr, int] = {param: 0 for param in main.params if param in apart}
    count = 0
    for binding in var_bindings(main):
        if binding.var in apart:
            fused = operator_name(binding.value) in _FUSED
            count += not fused
            before = [stage[value] for value in free_vars(binding.value) if value in stage]
            stage[binding.var] = max(before) if fused else count
    return stage


def _body(main: relax.Function, last: int, size: int) -> Body:
    batch, apart = image_values(main)
    stage = _stages(main, apart)
    inside = [b for b in var_bindings(main) if b.var in apart and stage[b.var] <= last]
    computed = {binding.var for binding in inside}
    read = dict.fromkeys(v for b in inside for v in free_vars(b.value) if v not in computed)
    outside = [b for b in var_bindings(main) if b.var not in computed]
    readers = (*(binding.value for binding in outside), main.body.body)
    wanted = {value for reader in readers for value in free_vars(reader)}
    return Body(
        tuple(inside),
        tuple(binding for binding in outside if binding.var not in apart),
        tuple(binding for binding in outside if binding.var in apart),
        tuple(value for value in read if value in apart),
        tuple(value for value in read if value not in apart),
        tuple(binding.var for binding in inside if binding.var in wanted),
        batch,
        size,
    )


def _nbytes(value: relax.Expr) -> int:
    shape = static_shape(value.ty) if isinstance(value.ty, relax.TensorType) else None
    return prod(shape) * np.dtype(str(value.ty.dtype)).itemsize if shape else 0


def _body_function(builder: relax.BlockBuilder, body: Body) -> tvm.ir.GlobalVar:
    slices = [_sliced(value, body.slice) for value in body.inputs]
    shared = [relax.Var(str(value.name), value.ty) for value in body.shared]
    old = (*body.inputs, *body.shared)
    known: dict[relax.Expr, relax.Expr] = dict(zip(old, (*slices, *shared), strict=True))
    attrs = {"num_input": len(slices)}
    with builder.function(BODY, [*slices, *shared], attrs, private=True):
        with builder.dataflow():
            for binding in body.bindings:
                value = rebuilt(_resized(binding.value, body.slice), known)
                known[binding.var] = emit_named(builder, str(binding.var.name), value)
            output = builder.emit_output(relax.Tuple([known[value] for value in body.results]))
        return builder.emit_func_output(output)


def _calling(main: relax.Function, body: Body, function: tvm.ir.GlobalVar) -> relax.Function:
    """Return `main` with calls of the body's function for each slice in place of its bindings."""
    builder = relax.BlockBuilder()
    known: dict[relax.Expr, relax.Expr] = {}

    def keep(bindings: Iterable[relax.VarBinding]) -> None:
        for binding in bindings:
            value = rebuilt(binding.value, known)
            kind = type(binding.var)
            known[binding.var] = emit_named(builder, str(binding.var.name), value, kind)

    with builder.function("main", list(main.params), dict(main.attrs)):
        with builder.dataflow():
            keep(body.before)
            arguments = [known.get(value, value) for value in body.shared]
            parts = []
            for start in range(0, body.batch, body.slice):
                slices = [
                    builder.emit(relax.op.strided_slice(value, [0], [start], [start + body.slice]))
                    for value in body.inputs
                ]
                parts.append(builder.emit(relax.Call(function, [*slices, *arguments])))
            for place, value in enumerate(body.results):
                joined = relax.op.concat([relax.TupleGetItem(part, place) for part in parts], 0)
                known[value] = emit_named(builder, str(value.name), joined, type(value))
            keep(body.after)
        builder.emit_func_output(rebuilt(main.body.body, known))
    return builder.get()["main"]


def _sliced(value: relax.Var, size: int) -> relax.Var:
    _, *shape = static_shape(value.ty) or ()
    return relax.Var(str(value.name), relax.TensorType((size, *shape), value.ty.dtype))


def _resized(value: relax.Expr, size: int) -> relax.Expr:
    """Return a call for so many images; of those that keep them apart, one names their number."""
    if operator_name(value) != "relax.reshape":
        return value
    _, *shape = static_shape(value.ty) or ()
    return relax.op.reshape(value.args[0], (size, *shape))
