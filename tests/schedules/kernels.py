"""Calls of the operators with random operands, and kernels built from them for a target."""

from collections.abc import Sequence
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
    return _lower([case], target, epilogue)


def run(case: Case, target: Target, epilogue: Any = None) -> Any:
    """What the compiled call gives for the case's operands: an array, or a list of them."""
    return run_all([case], target, epilogue)[0]


def run_all(cases: Sequence[Case], target: Target, epilogue: Any = None) -> list[Any]:
    """What each of some calls gives. All are compiled together, and equal calls once: much faster.

    Calls are equal when they differ in the values of their operands only.
    """
    different: dict[str, Case] = {}
    for case in cases:
        different.setdefault(_kernel(case), case)
    executable = relax.build(_lower(list(different.values()), target, epilogue), target)
    machine = relax.VirtualMachine(executable, tvm.cpu())
    functions = dict(zip(different, _names(len(different)), strict=True))
    results = []
    for case in cases:
        name = functions[_kernel(case)]
        data, *weights = [tvm.runtime.tensor(array) for array in case.operands]
        packed = machine[f"{name}_transform_params"](tvm.runtime.convert(weights))
        result = machine[name](data, *packed)
        results.append(
            result.numpy() if hasattr(result, "numpy") else [item.numpy() for item in result]
        )
    return results


def _kernel(case: Case) -> str:
    """All of a case but the values of its operands."""
    operands = [(array.shape, str(array.dtype)) for array in case.operands]
    return str((case.operator, operands, sorted(case.attrs.items())))


def _names(count: int) -> list[str]:
    return ["main", *(f"main{i}" for i in range(1, count))]


def _lower(cases: Sequence[Case], target: Target, epilogue: Any) -> tvm.IRModule:
    """The scheduled module with a function for each call; equal packings of weights are shared."""
    builder = relax.BlockBuilder()
    for name, case in zip(_names(len(cases)), cases, strict=True):
        parameters = case.parameters()
        with builder.function(name, parameters, {"num_input": 1}):
            with builder.dataflow():
                result = builder.emit(case.call(*parameters))
                if epilogue is not None:
                    result = epilogue(builder, result)
                output = builder.emit_output(result)
            builder.emit_func_output(output)
    return _scheduled(builder, target)


def lower_together(cases: Sequence[Case], target: Target) -> tvm.IRModule:
    """The scheduled module of some calls as one function: all data, then the weights of each."""
    builder = relax.BlockBuilder()
    calls = [case.parameters() for case in cases]
    for number, parameters in enumerate(calls):
        calls[number] = [
            relax.Var(f"{parameter.name}_{number}", parameter.ty) for parameter in parameters
        ]
    ordered = [data for data, *_ in calls] + [each for _, *weights in calls for each in weights]
    with builder.function("main", ordered, {"num_input": len(cases)}):
        with builder.dataflow():
            results = [
                builder.emit(case.call(*parameters))
                for case, parameters in zip(cases, calls, strict=True)
            ]
            output = builder.emit_output(relax.Tuple(results))
        builder.emit_func_output(output)
    return _scheduled(builder, target)


def _scheduled(builder: relax.BlockBuilder, target: Target) -> tvm.IRModule:
    """What a builder has made, lowered to kernels."""
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
