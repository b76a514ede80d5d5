"""Compute residual trunks in 16-bit fixed point, as the accelerator's ALU has it.

Scale, BatchNorm, biases, the residual's addition, PReLU and bounds that follow a layer on the
accelerator become one `snn.fixed_point_trunk`; its int16 result times 2^-f takes the float's place
for all who read it as such. Layers that read its sign read that of the integer less a threshold;
layers whose residual it is take it as it is. What a trunk begins with on the processor is rounded
to such steps. This changes what a network computes: it is a quantisation. The interpreter on the
network after this pass is what all else is held against.

The layers of a trunk have one f: as many bits of fraction as leave room for what the float network
computes on samples, and for HEADROOM times that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from ..errors import TargetError
from ..ops import LAYERS, fixed_point_trunk
from ..ops.fixed_point_trunk import SLOPE_BITS
from ..reference import evaluate
from ..target.vta.codegen.layer import OUTSIDE, Epilogue, Layer
from ..target.vta.codegen.plan import plan
from ..target.vta.configuration import Configuration
from ..target.vta.isa.instruction_set import Plane, Vector
from .accelerator_layer import accelerator_layer, reads_levels
from .layers import operator_name, var_bindings
from .mutation import emit_named, mutate_main
from .trunk_epilogue import TrunkEnd, TrunkEpilogue, offset_from, read_readers, trunk_end

HEADROOM = 4
"""How much larger than on the samples a trunk may become before it saturates."""

_LEAST, _MOST = -(1 << 15), (1 << 15) - 1
_WIDE = (1 << 31) - 1
_MOST_SHIFT = 31
_MOST_FRACTION = 15


@dataclass(frozen=True)
class FixedPoint:
    """A network with trunks in fixed point."""

    module: tvm.IRModule
    fractions: Mapping[str, int]
    """By layer with such a trunk: its f."""


@dataclass(frozen=True)
class _Trunk:
    """What follows one layer."""

    sums: relax.Var
    end: relax.Var
    epilogue: TrunkEpilogue
    before: relax.Var | None
    """The layer whose trunk is the residual; None where the processor makes it, or there is
    none."""
    fraction: int = 0


def fixed_point_trunks(
    module: tvm.IRModule, hardware: Configuration, samples: Sequence[NDArray]
) -> FixedPoint:
    """Rewrite `main`, channels-last, as far as layers fit the accelerator.

    `samples` are inputs of the network: what its trunks are on them decides how many bits of
    fraction they get. Layers whose results are no residual and take none are left alone, and those
    of levels: the processor makes levels of floats, so the trunk would come back to it each time.
    """
    main = module["main"]
    trunks = _find(main, hardware)
    if not trunks:
        return FixedPoint(module, {})
    trunks = _with_fractions(trunks, _largest(main, trunks, samples))
    rewritten = mutate_main(module, _Rewriter(module, trunks))
    rewritten = relax.transform.DeadCodeElimination()(rewritten)
    return FixedPoint(rewritten, {str(one.sums.name): one.fraction for one in trunks.values()})


def _find(main: relax.Function, hardware: Configuration) -> dict[relax.Var, _Trunk]:
    """Return the trunks by the layer that they follow."""
    bindings = {binding.var: binding.value for binding in var_bindings(main)}
    readers = read_readers(bindings, main.body.body)
    ends: dict[relax.Var, TrunkEnd] = {}
    for var, value in bindings.items():
        if operator_name(value) not in LAYERS or reads_levels(value):
            continue
        layer = accelerator_layer(str(var.name), value, hardware)
        end = trunk_end(var, bindings, readers) if isinstance(layer, Layer) else None
        if end is not None and isinstance(layer, Layer) and _fits(layer, end, hardware):
            ends[var] = end
    owners = {end.var: var for var, end in ends.items()}
    sources = {
        var: offset_from(end.epilogue.residual, owners, bindings)
        for var, end in ends.items()
        if end.epilogue.residual is not None
    }
    added = {source[0] for source in sources.values() if source is not None}
    trunks = {}
    for var, end in ends.items():
        if end.epilogue.residual is None and var not in added:
            continue
        source, epilogue = sources.get(var), end.epilogue
        if source is not None:
            # What is added to a trunk after its end is added to the bias of the next.
            epilogue = replace(epilogue, bias=epilogue.bias + source[1])
        trunks[var] = _Trunk(var, end.var, epilogue, source[0] if source else None)
    return trunks


def _fits(layer: Layer, end: TrunkEnd, hardware: Configuration) -> bool:
    """Tell whether the hardware has the numbers and the memory for a layer with its trunk."""
    slope = end.epilogue.slope
    if slope is not None and not (slope.min() * 2**SLOPE_BITS >= _LEAST):
        return False
    if slope is not None and slope.max() * 2**SLOPE_BITS > _MOST:
        return False
    residual = None if end.epilogue.residual is None else OUTSIDE
    epilogue = Epilogue(affine=True, prelu=True, clip=True)
    whole = replace(
        layer, epilogue=epilogue, plane=Plane.TRUNK, vector=Vector.SIGN, residual=residual
    )
    try:
        plan([whole], hardware)
    except TargetError:
        return False
    return True


# ---------------------------------------------------------------------- how many bits


def _largest(
    main: relax.Function, trunks: Mapping[relax.Var, _Trunk], samples: Sequence[NDArray]
) -> dict[relax.Var, float]:
    """Run the float network; return the largest absolute value of trunks and of residuals."""
    wanted = {one.end for one in trunks.values()}
    wanted |= {
        one.epilogue.residual for one in trunks.values() if one.epilogue.residual is not None
    }
    found: dict[relax.Var, float] = {}

    def observe(var: relax.Var, value: object) -> None:
        if var in wanted and isinstance(value, np.ndarray):
            found[var] = float(np.abs(value).max(initial=0.0))

    for param, sample in zip(main.params, samples, strict=False):
        observe(param, sample)
    evaluate(main, samples, observe=observe)
    return found


def _with_fractions(
    trunks: Mapping[relax.Var, _Trunk], largest: Mapping[relax.Var, float]
) -> dict[relax.Var, _Trunk]:
    """Give all layers of a trunk the most bits of fraction that every one of them allows."""
    root = {var: _first(var, trunks) for var in trunks}
    allowed: dict[relax.Var, int] = {}
    for var, one in trunks.items():
        residual = one.epilogue.residual
        value = max(largest[one.end], largest[residual] if residual is not None else 0.0)
        fraction = min(
            _room(HEADROOM * value, _MOST),
            _room(np.abs(one.epilogue.scale).max(), _MOST),
            _room(np.abs(one.epilogue.bias).max(), _WIDE),
            _MOST_FRACTION,
        )
        allowed[root[var]] = min(allowed.get(root[var], fraction), fraction)
    return {var: replace(one, fraction=allowed[root[var]]) for var, one in trunks.items()}


def _first(var: relax.Var, trunks: Mapping[relax.Var, _Trunk]) -> relax.Var:
    """Return the layer whose trunk all those up to this one's were added to."""
    before = trunks[var].before
    return var if before is None else _first(before, trunks)


def _room(value: float, most: int) -> int:
    """Return the largest f, up to 31, with value * 2^f <= most."""
    return _MOST_SHIFT if value == 0 else min(_MOST_SHIFT, int(np.floor(np.log2(most / value))))


# ---------------------------------------------------------------------- the network


@mutator
class _Rewriter(PyExprMutator):
    def __init__(self, module: tvm.IRModule, trunks: Mapping[relax.Var, _Trunk]) -> None:
        super().__init__(module)
        self._trunks = trunks
        self._ends = {one.end: var for var, one in trunks.items()}
        self._bindings = {b.var: b.value for b in var_bindings(module["main"])}
        self._integers: dict[relax.Var, relax.Expr] = {}

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        var = binding.var
        if var in self._ends:
            self._end(var, self._trunks[self._ends[var]])
            return
        sign = self._signed(var)
        if sign is None:
            super().visit_var_binding_(binding)
            return
        self._replace(var, self._signs(*sign))

    def _end(self, var: relax.Var, trunk: _Trunk) -> None:
        """Let fixed point take the place of a formula's end."""
        integers = self.builder_.emit(self._fixed_point(trunk))
        self._integers[trunk.sums] = integers
        floats = self.builder_.emit(relax.op.astype(integers, "float32"))
        step = relax.const(np.float32(2.0**-trunk.fraction))
        self._replace(var, relax.op.multiply(floats, step))

    def _fixed_point(self, trunk: _Trunk) -> relax.Call:
        epilogue, unit = trunk.epilogue, 2.0**trunk.fraction
        scale, bias = epilogue.scale * unit, epilogue.bias * unit
        shift = min(_room(np.abs(scale).max(), _MOST), _room(np.abs(bias).max(), _WIDE))
        slope = np.ones_like(scale) if epilogue.slope is None else epilogue.slope
        low, high = (
            np.clip(np.rint(bound * unit), _LEAST, _MOST) for bound in (epilogue.low, epilogue.high)
        )
        parameters = (
            (np.rint(scale * 2.0**shift), "int16"),
            (np.rint(bias * 2.0**shift), "int32"),
            (np.rint(slope * 2.0**SLOPE_BITS), "int16"),
            (np.full_like(scale, low), "int16"),
            (np.full_like(scale, high), "int16"),
        )
        constants = [relax.const(numbers.astype(dtype)) for numbers, dtype in parameters]
        arguments = [self.visit_expr(trunk.sums), *constants]
        if trunk.before is not None:
            arguments.append(self._integers[trunk.before])
        elif epilogue.residual is not None:
            arguments.append(self._quantized(self.visit_expr(epilogue.residual), unit))
        return fixed_point_trunk(*arguments, shift=shift)

    def _quantized(self, floats: relax.Expr, unit: float) -> relax.Expr:
        """Round floats to steps of a trunk, halves upwards."""
        steps = self.builder_.emit(relax.op.multiply(floats, relax.const(np.float32(unit))))
        raised = self.builder_.emit(relax.op.add(steps, relax.const(np.float32(0.5))))
        whole = self.builder_.emit(relax.op.floor(raised))
        inside = self.builder_.emit(relax.op.clip(whole, _LEAST, _MOST))
        return self.builder_.emit(relax.op.astype(inside, "int16"))

    def _signed(self, var: relax.Var) -> tuple[relax.Var, NDArray] | None:
        """Return the layer of whose trunk a variable is the sign, and what is added before."""
        value = self._bindings[var]
        if operator_name(value) != "relax.astype" or str(value.ty.dtype) != "int8":
            return None
        sign = self._bindings.get(value.args[0])
        if sign is None or operator_name(sign) != "relax.sign":
            return None
        return offset_from(sign.args[0], self._ends, self._bindings)

    def _signs(self, sums: relax.Var, added: NDArray) -> relax.Call:
        """Return the signs of a trunk plus a number: 0 where they cancel out but for rounding."""
        fraction = self._trunks[sums].fraction
        threshold = np.rint(-added * 2.0**fraction).astype(np.int32)
        wide = self.builder_.emit(relax.op.astype(self._integers[sums], "int32"))
        above = self.builder_.emit(
            relax.op.subtract(wide, relax.const(threshold.reshape(1, 1, 1, -1)))
        )
        return relax.op.astype(self.builder_.emit(relax.op.sign(above)), "int8")

    def _replace(self, var: relax.Var, value: relax.Expr) -> None:
        """Bind a variable of the old network to another value, under its own name."""
        self.set_var_remap(var, emit_named(self.builder_, str(var.name), value, type(var)))
