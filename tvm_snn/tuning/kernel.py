"""What is measured: one layer with the epilogue that usually follows it."""

from collections.abc import Mapping

import tvm
from tvm import relax
from tvm.target import Target

from ..link import link
from ..relay_passes.lower import TRANSFORM_WEIGHTS, lower
from ..schedules import subset_gather
from ..schedules.operation import Operation
from ..schedules.subset_gather.responses import with_known_subset
from .operands import random_subset, scale_shape

MAIN = "main"
"""Function of a kernel's library: takes the data and what PREPARE gives."""
PREPARE = "prepare"
"""Function that packs the weights: takes them and the factors one by one."""


def measured_call(
    operation: Operation, strategy: str = "", config: Mapping[str, int] | None = None
) -> relax.Call:
    """Return a call of an operation that knows the subset which it will be measured with.

    In a network the subset is a constant, too: one strategy writes its sums out, and the cost model
    counts on that.
    """
    call = operation.call(strategy, config)
    weights = operation.operands[1:]
    if len(weights) == 2 and strategy in ("", subset_gather.NAME):
        return with_known_subset(call, random_subset(weights[0][1]))
    return call


def build_kernel(
    operation: Operation, strategy: str, config: Mapping[str, int], target: Target
) -> bytes:
    """Return a shared library that computes an operation and multiplies each output by a factor.

    The factor and the conversion to float32 fuse into the kernel as in a network.
    """
    call = measured_call(operation, strategy, config)
    scale = relax.Var("scale", relax.TensorType(scale_shape(operation), "float32"))
    parameters = [*call.args, scale]
    builder = relax.BlockBuilder()
    with builder.function(MAIN, parameters, {"num_input": 1}):
        with builder.dataflow():
            sums = builder.emit(call)
            floats = builder.emit(relax.op.astype(sums, "float32"))
            output = builder.emit_output(relax.op.multiply(floats, scale))
        builder.emit_func_output(output)
    return link(lower(builder.get(), target, _add_prepare).executable, target).data


@tvm.transform.module_pass(opt_level=0, name="AddPrepare")
def _add_prepare(module: tvm.IRModule, _context: tvm.transform.PassContext) -> tvm.IRModule:
    """Add a function that takes the weights one by one: a tuple does not travel over RPC."""
    transform = module.get_global_var(TRANSFORM_WEIGHTS)
    (weights,) = module[TRANSFORM_WEIGHTS].params
    parameters = [relax.Var(f"weight{i}", ty) for i, ty in enumerate(weights.ty.fields)]
    builder = relax.BlockBuilder(module)
    with builder.function(PREPARE, parameters):
        packed = builder.emit(relax.Call(transform, [relax.Tuple(parameters)]))
        builder.emit_func_output(packed)
    return builder.get()
