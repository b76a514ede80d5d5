"""From a kernel written in TVMScript to a call in the Relax graph.

Every kernel is three stages in one PrimFunc: `read` brings the data into the form the core wants,
the *core* is written loop by loop in TVMScript, and `write` is a plain rearrangement of the
core's result, into which FuseTIR's elementwise epilogue is inlined later (see `rules`).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from tvm import relax, te
from tvm.tirx import PrimFunc

from ..tvm_api import quicken_script_parser

quicken_script_parser()

STRATEGY = "snn.strategy"
"""Annotation of a core block: the name of the strategy it belongs to. The loops of such a block
are final."""
READS_ONCE = "snn.reads_once"
"""Annotation of a block inside a core that reads each element of its operand once or twice only, so
that elementwise stages before it are inlined into it."""
ONE_PIXEL = "snn.one_pixel"
"""Annotation of a block inside a core that, at each turn, makes all words of one pixel from all
channels of that pixel. Its variables are the image, the row and the column, and its words are
(images, planes, rows, columns, words)."""
OWNS_RESULT = "snn.owns_result"
"""Annotation of a block inside a core that computes, at each turn of its loop, exactly the region
of the result that its `T.writes` names, so that what follows is done there, in the cache. Regions
of different turns are the same, or they do not overlap, or what they share both compute whole."""
READS_WINDOWS = "snn.reads_windows"
"""Annotation of a block that OWNS_RESULT, too, and computes one row of the result, of all images in
turn, from a window of rows of its first operand (N, H, W, C): the windows' stride, the rows of
padding above the first one, and how many rows one reaches over."""
FUSES_ELEMENTWISE_EPILOGUE = 4
"""Pattern, in FuseOps' sense, of a kernel that elementwise operators after it are fused into."""
FUSES_ELEMENTWISE_PRODUCERS = 3
"""Pattern of a kernel that elementwise operators before it are fused into."""


def emit_kernel(
    bb: relax.BlockBuilder,
    name: str,
    compute: Callable[..., te.Tensor],
    *arguments: relax.Expr,
    pattern: int = FUSES_ELEMENTWISE_EPILOGUE,
) -> relax.Call:
    """Return a call of the kernel that `compute` describes; `pattern` says what fuses with it."""
    return bb.call_te(
        compute,
        *arguments,
        primfunc_name_hint=name,
        primfunc_attrs={"op_pattern": pattern},
    )


def emit_packing(
    bb: relax.BlockBuilder,
    compute: Callable[..., te.Tensor],
    *weights: relax.Expr,
    **options: Any,
) -> relax.Var:
    """Emit a stage that depends on weights only; LiftTransformParams moves it to load time."""
    call = bb.call_te(partial(compute, **options), *weights, primfunc_name_hint=compute.__name__)
    return bb.emit(call)


def core_stage(strategy: str, core: PrimFunc, *inputs: te.Tensor) -> te.Tensor:
    """Return the result of a core as a tensor.

    The core's buffers must be declared with the very shapes of `inputs`, in their order, and its
    result last.
    """
    *operands, result = core.params
    return te.extern(
        [result.shape],
        list(inputs),
        lambda _operands, _result: core.body.block.body,
        in_buffers=operands,
        out_buffers=[result],
        name=f"{strategy}_core",
        attrs={STRATEGY: strategy},
    )
