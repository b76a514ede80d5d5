"""From a planned network to an executable: the lowering passes, in order.

legalize   every operator becomes a call of a primitive function, a part of the network, perhaps,
           for slices of the batch; what depends on weights only moves to
           `main_transform_params`, which runs once, when the network is loaded
fuse       elementwise operators, and the packing of signs, join the kernel that feeds them
schedule   every primitive function gets a schedule for the target
build      memory is planned, and the module is compiled by LLVM
"""

from dataclasses import dataclass

import tvm
from tvm import relax
from tvm.target import Target

from ..schedules import LEGALIZATIONS, schedule_primfunc
from .fuse_packing import FusePacking
from .fuse_pooling import FusePooling
from .inline_body import InlineBody, computing_tensors
from .layers import operator_name, var_bindings
from .slice_batch import SliceBatch
from .trace_kernels import CALL_DPS_PACKED, CALL_TIR, Kernel, trace_kernels

TRANSFORM_WEIGHTS = "main_transform_params"
"""Function of the executable that prepares the weights for the kernels."""

# What TVM leaves in the place of a kernel that only reshapes, unless it makes an output.
_VIEW = "relax.reshape"


@dataclass(frozen=True)
class Lowered:
    """A compiled network."""

    executable: relax.VMExecutable
    kernels: tuple[Kernel, ...]
    """The kernel calls of `main`, in order."""


def lower(
    module: tvm.IRModule, target: Target, extend: tvm.transform.Pass | None = None
) -> Lowered:
    """Compile a module whose weights are lifted and whose strategies are set.

    `extend` may add functions that call `main_transform_params`, as soon as that is there.
    """
    with target:
        legalized = _LEGALIZE(module)
        if extend is not None:
            legalized = extend(legalized)
        fused = _FUSE(legalized)
        primitive = _PRIMITIVE(fused)
        scheduled = schedule_kernels(target)(primitive)
        executable = relax.build(scheduled, target, relax_pipeline=_FINISH)
    kernels = zip(trace_kernels(legalized, fused), _stays_a_call(primitive), strict=True)
    return Lowered(
        executable, tuple(computing_tensors(kernel) for kernel, stays in kernels if stays)
    )


def lower_to_kernels(module: tvm.IRModule, target: Target) -> tvm.IRModule:
    """Return what :func:`lower` builds: `main` and `main_transform_params` over scheduled kernels.

    What is left in the two functions are calls of the kernels and views of other shapes.
    """
    with target:
        return schedule_kernels(target)(_PRIMITIVE(_FUSE(_LEGALIZE(module))))


def _stays_a_call(module: tvm.IRModule) -> list[bool]:
    """Tell of each kernel, in order, whether `main` calls it; a reshape may have become a view."""
    names = [operator_name(binding.value) for binding in var_bindings(module["main"])]
    calls = (CALL_TIR, CALL_DPS_PACKED)
    return [name in calls for name in names if name in (*calls, _VIEW)]


def schedule_kernels(target: Target) -> tvm.transform.Pass:
    """Return the pass that schedules every primitive function for the target."""

    @tvm.transform.module_pass(opt_level=0, name="ScheduleKernels")
    def transform(module: tvm.IRModule, _context: tvm.transform.PassContext) -> tvm.IRModule:
        functions = dict(module.functions_items())
        for name, function in functions.items():
            if isinstance(function, tvm.tirx.PrimFunc):
                functions[name] = schedule_primfunc(function, target)
        return tvm.IRModule(functions, attrs=module.attrs)

    return transform


_LEGALIZE = tvm.transform.Sequential(
    [
        SliceBatch(),
        relax.backend.DispatchSortScan(),
        relax.transform.LegalizeOps(LEGALIZATIONS),
        InlineBody(),
        relax.transform.LiftTransformParams(),
    ]
)
_FUSE = tvm.transform.Sequential(
    [
        relax.transform.AnnotateTIROpPattern(),
        relax.transform.FuseOps(),
        FusePacking(),
        FusePooling(),
    ]
)
_PRIMITIVE = tvm.transform.Sequential(
    [
        relax.transform.FuseTIR(),
        relax.transform.RewriteDataflowReshape(),
    ]
)
_FINISH = tvm.transform.Sequential(
    [
        relax.transform.ToNonDataflow(),
        relax.transform.RemovePurityChecking(),
        relax.transform.CallTIRRewrite(),
        relax.transform.StaticPlanBlockMemory(),
        relax.transform.LowerAllocTensor(),
        relax.transform.KillAfterLastUse(),
        relax.transform.LowerRuntimeBuiltin(),
        relax.transform.ComputePrimValue(),
        relax.transform.VMShapeLower(),
        relax.transform.AttachGlobalSymbol(),
    ]
)
