"""Take the constants out of a network and make them named parameters of its `main`.

The library then holds code only, and the artifact can store each weight as compactly as its
meaning allows: subset kernels and binary weights at 1 bit, indices at tau bits.
"""

from collections.abc import Callable
from dataclasses import dataclass

import tvm
from numpy.typing import NDArray
from tvm import relax

from ..ops.units import index_bits
from ..weights import Weight
from .layers import is_layer, operator_name

_ROLES = {
    "snn.subset_conv2d": ("data", "subset", "indices"),
    "snn.subset_dense": ("data", "subset", "indices"),
    "snn.binary_conv2d": ("data", "weight"),
    "snn.binary_dense": ("data", "weight"),
}


@dataclass(frozen=True)
class LiftedNetwork:
    """A module whose `main` takes the inputs first (attribute num_input) and then the weights."""

    module: tvm.IRModule
    weights: tuple[Weight, ...]


def lift_weights(module: tvm.IRModule) -> LiftedNetwork:
    """Make every constant tensor of `main` a parameter; scalars stay where they are."""
    lifter = _Lifter(module)
    function = module["main"]
    body = lifter.visit_expr(function).body
    params = [*function.params, *lifter.params]
    lifted = relax.Function(params, body, function.ret_ty, attrs=function.attrs)
    result = tvm.IRModule(attrs=module.attrs)
    result["main"] = lifted.with_attr("num_input", len(function.params)).with_attr(
        "global_symbol", "main"
    )
    return LiftedNetwork(relax.transform.Normalize()(result), tuple(lifter.weights))


@relax.expr_functor.mutator
class _Lifter(relax.PyExprMutator):
    def __init__(self, module: tvm.IRModule) -> None:
        super().__init__(module)
        self.params: list[relax.Var] = []
        self.weights: list[Weight] = []
        self._lifted: dict[tvm.ir.GenericConst, relax.Var] = {}
        self._names: set[str] = set()
        self._consumer = ""

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        self._consumer = str(binding.var.name)
        super().visit_var_binding_(binding)

    def visit_call_(self, call: relax.Call) -> relax.Expr:
        roles = ("data", "weight") if is_layer(call) else _ROLES.get(operator_name(call), ())
        for role, argument in zip(roles, call.args, strict=False):
            if isinstance(argument, tvm.ir.GenericConst):
                self._lift(argument, role, _meaning(role, call))
        return super().visit_call_(call)

    def visit_generic_const_(self, op: tvm.ir.GenericConst) -> relax.Expr:
        if not isinstance(op.ty, relax.TensorType) or op.ty.ndim == 0:
            return op
        return self._lift(op, "constant", _plain)

    def _lift(
        self,
        constant: tvm.ir.GenericConst,
        role: str,
        meaning: Callable[[str, NDArray], Weight],
    ) -> relax.Var:
        if constant not in self._lifted:
            name = self._unique_name(f"{self._consumer}.{role}")
            param = relax.Var(name, constant.ty)
            self._lifted[constant] = param
            self.params.append(param)
            self.weights.append(meaning(name, constant.value.numpy()))
        return self._lifted[constant]

    def _unique_name(self, wanted: str) -> str:
        name, count = wanted, 1
        while name in self._names:
            count += 1
            name = f"{wanted}{count}"
        self._names.add(name)
        return name


def _plain(name: str, array: NDArray) -> Weight:
    return Weight(name, array, bits=8 * array.dtype.itemsize)


def _signs(name: str, array: NDArray) -> Weight:
    return Weight(name, array, bits=1, signs=True)


def _meaning(role: str, call: relax.Call) -> Callable[[str, NDArray], Weight]:
    """Return the constructor of the weight that plays `role` in a call of our operators."""
    if is_layer(call):
        return _plain
    if role != "indices":
        return _signs
    size = int(call.args[1].ty.shape.values[0])
    return lambda name, array: Weight(name, array, bits=index_bits(size), bound=size)
