"""Calls of the operators with random operands, and kernels built from them for a target."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax
from tvm.target import Target

from tvm_snn.ops import OPERATORS
from tvm_snn.schedules import LEGALIZATIONS, schedule_primfunc


@dataclass(frozen=True)
class Case:
    """An operator, its operands (data first, weights after it) and its attributes."""

    operator: str
    operands: tuple[NDArray, ...]
    attrs: dict[str, Any] = field(default_factory=dict)

    def expected(self) -> NDArray:
        """The result by the operator's own reference."""
        attrs = {key: value for key, value in self.attrs.items() if key != "strategy"}
        return OPERATORS[self.operator].reference(*self.operands, **attrs)

    def call(self, *arguments: relax.Expr) -> relax.Call:
        return OPERATORS[self.operator](*arguments, **{"strategy": "", **self.attrs})

    def parameters(self) -> list[relax.Var]:
        return [
            relax.Var(f"operand{i}", relax.TensorType(array.shape, str(array.dtype)))
            for i, array in enumerate(self.operands)
        ]


def lower(case: Case, target: Target, epilogue: Any = None) -> tvm.IRModule:
    """The scheduled module of one call; `epilogue(builder, result)` gives what follows it."""
    builder = relax.BlockBuilder()
    parameters = case.parameters()
    with builder.function("main", parameters, {"num_input": 1}):
        with builder.dataflow():
            result = builder.emit(case.call(*parameters))
            if epilogue is not None:
                result = epilogue(builder, result)
            output = builder.emit_output(result)
        builder.emit_func_output(output)
    passes = [
        relax.transform.LegalizeOps(LEGALIZATIONS),
        relax.transform.LiftTransformParams(),
        relax.transform.AnnotateTIROpPattern(),
        relax.transform.FuseOps(),
        relax.transform.FuseTIR(),
    ]
    with target:
        module = tvm.transform.Sequential(passes)(builder.get())
    functions = {
        name: schedule_primfunc(function, target)
        if isinstance(function, tvm.tirx.PrimFunc)
        else function
        for name, function in module.functions_items()
    }
    return tvm.IRModule(functions, attrs=module.attrs)


def run(case: Case, target: Target, epilogue: Any = None) -> Any:
    """What the compiled call gives for the case's operands: an array, or a list of them."""
    executable = relax.build(lower(case, target, epilogue), target)
    machine = relax.VirtualMachine(executable, tvm.cpu())
    data, *weights = [tvm.runtime.tensor(array) for array in case.operands]
    packed = machine["main_transform_params"](tvm.runtime.convert(weights))
    result = machine["main"](data, *packed)
    return result.numpy() if hasattr(result, "numpy") else [item.numpy() for item in result]


def random_signs(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.int8]:
    """Weights: +1 and -1."""
    return generator.choice(np.array([-1, 1], np.int8), shape)


def random_data(
    generator: np.random.Generator,
    shape: tuple[int, ...],
    dtype: str,
    zeros: float = 0.2,
    top: int = 255,
) -> NDArray:
    """Activations: signs with a share of zeros, levels up to `top`, or normal floats."""
    if dtype == "float32":
        return generator.standard_normal(shape, dtype=np.float32)
    if dtype == "uint8":
        return generator.integers(0, top + 1, shape).astype(np.uint8)
    rest = (1 - zeros) / 2
    return generator.choice(np.array([-1, 0, 1], np.int8), shape, p=[rest, zeros, rest])
