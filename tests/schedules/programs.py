"""Small Relax programs, lowered and scheduled our way or by TVM alone, and run."""

from collections.abc import Callable

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax

from tvm_snn.schedules import LEGALIZATIONS, schedule_primfunc
from tvm_snn.target import parse_target

Program = Callable[..., relax.Expr]
"""What a program computes: takes the block builder and its inputs."""


def program_module(program: Program, shapes: list[tuple[int, ...]]) -> tvm.IRModule:
    """The module whose `main` takes float32 inputs of these shapes."""
    builder = relax.BlockBuilder()
    inputs = [
        relax.Var(f"input{i}", relax.TensorType(shape, "float32")) for i, shape in enumerate(shapes)
    ]
    with builder.function("main", inputs):
        with builder.dataflow():
            output = builder.emit_output(builder.emit(program(builder, *inputs)))
        builder.emit_func_output(output)
    return builder.get()


def build(
    program: Program, shapes: list[tuple[int, ...]], target: str = "host", *, ours: bool = True
) -> tvm.IRModule:
    """The lowered module of a program, by our means or by TVM's alone."""
    return lowered(program_module(program, shapes), target, ours=ours)


def lowered(module: tvm.IRModule, target: str = "host", *, ours: bool = True) -> tvm.IRModule:
    """A module lowered by our means or by TVM's alone."""
    passes = [
        relax.transform.LegalizeOps(LEGALIZATIONS if ours else None),
        relax.transform.AnnotateTIROpPattern(),
        relax.transform.FuseOps(),
        relax.transform.FuseTIR(),
    ]
    parsed = parse_target(target)
    with parsed:
        module = tvm.transform.Sequential(passes)(module)
    if not ours:
        return module
    functions = {
        name: schedule_primfunc(function, parsed)
        if isinstance(function, tvm.tirx.PrimFunc)
        else function
        for name, function in module.functions_items()
    }
    return tvm.IRModule(functions, attrs=module.attrs)


def run_all(module: tvm.IRModule, arrays: list[NDArray], target: str = "host") -> list[NDArray]:
    """What a lowered module with several outputs computes."""
    executable = relax.build(module, parse_target(target))
    machine = relax.VirtualMachine(executable, tvm.cpu())
    results = machine["main"](*(tvm.runtime.tensor(array) for array in arrays))
    return [result.numpy() for result in results]


def run(module: tvm.IRModule, arrays: list[NDArray], target: str = "host") -> NDArray:
    """What a lowered module computes."""
    executable = relax.build(module, parse_target(target))
    machine = relax.VirtualMachine(executable, tvm.cpu())
    return machine["main"](*(tvm.runtime.tensor(array) for array in arrays)).numpy()


def random_arrays(shapes: list[tuple[int, ...]]) -> list[NDArray]:
    """Normally distributed numbers, the same ones every time."""
    generator = np.random.default_rng(0)
    return [generator.standard_normal(shape, dtype=np.float32) for shape in shapes]
