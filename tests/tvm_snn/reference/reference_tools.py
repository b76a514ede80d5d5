"""What the tests of the reference interpreter share: one-operator functions, exports, builds."""

from collections.abc import Callable

import numpy as np
import torch
import tvm
from tvm import relax
from tvm.relax.frontend.torch import from_exported_program

from tvm_snn.reference import evaluate

Build = Callable[..., relax.Expr]


def function_of(build: Build, *arrays: np.ndarray) -> relax.Function:
    """Return a Relax function with one parameter per array, whose result is `build(*params)`."""
    return module_of(build, *arrays)["main"]


def module_of(build: Build, *arrays: np.ndarray) -> tvm.IRModule:
    params = [
        relax.Var(f"x{i}", relax.TensorType(array.shape, str(array.dtype)))
        for i, array in enumerate(arrays)
    ]
    builder = relax.BlockBuilder()
    with builder.function("main", params):
        with builder.dataflow():
            result = builder.emit_output(builder.normalize(build(*params)))
        builder.emit_func_output(result)
    return builder.get()


def compute(build: Build, *arrays: np.ndarray):
    """Evaluate one Relax expression in the reference interpreter."""
    return evaluate(function_of(build, *arrays), arrays)


def compile_and_run(build: Build, *arrays: np.ndarray):
    """Compile the same expression with TVM for the CPU and run it."""
    executable = tvm.compile(module_of(build, *arrays), tvm.target.Target("llvm"))
    machine = relax.VirtualMachine(executable, tvm.cpu())
    result = machine["main"](*(tvm.runtime.tensor(array) for array in arrays))
    return result.numpy()


def export(module: torch.nn.Module, *inputs: torch.Tensor) -> relax.Function:
    """Import a torch module into Relax through torch.export."""
    return from_exported_program(torch.export.export(module.eval(), inputs))["main"]


def assert_same_as_torch(module: torch.nn.Module, *inputs: torch.Tensor, tolerance=1e-5) -> None:
    """Compare the reference interpreter on the export of a module with PyTorch itself."""
    with torch.no_grad():
        expected = module.eval()(*inputs)
    expected = expected if isinstance(expected, tuple | list) else (expected,)
    results = evaluate(export(module, *inputs), [value.numpy() for value in inputs])
    results = results if isinstance(results, tuple) else (results,)
    assert len(results) == len(expected)
    for result, wanted in zip(results, expected, strict=True):
        assert result.dtype == wanted.numpy().dtype
        assert result.shape == tuple(wanted.shape)
        np.testing.assert_allclose(result, wanted.numpy(), rtol=tolerance, atol=tolerance)
