"""Our own kernels as contenders: every strategy for a layer, each compiled alone.

What is timed is what a layer is inside a compiled network: data as the layer before left them
(packed signs, levels, or float32), the convolution, and the factor of each output channel, to
float32. The kernel is timed alone (see `kernel_clock`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax
from tvm.target import Target

from ..errors import VerificationError
from ..ops import OPERATORS
from ..ops.levels import TOP_LEVEL
from ..ops.packed_signs import pack
from ..relay_passes.lower import TRANSFORM_WEIGHTS, lower
from ..schedules import candidates, subset_gather
from ..schedules.operation import Operation
from ..schedules.records import Records, shipped_records
from ..schedules.subset_gather.responses import with_known_subset
from ..target import features_of
from .kernel_clock import KernelCall, kernel_calls, kernel_contender
from .layers_of_resnet18 import Layer
from .timing import Contender


@dataclass(frozen=True)
class Kind:
    """What is known of weights and activations of a layer."""

    name: str
    packed: bool
    """Whether the data are packed signs (W1A1) or not."""
    kernels: int | None
    """Size of the subset, or None where each kernel is its own (1 bit)."""
    unit: int = 1
    """Channels of a unit."""
    bits: int | None = None
    """Bits of data that are levels (W1Ak); other data are signs or float32 (W1A32)."""

    @property
    def attrs(self) -> dict[str, int]:
        """What a call says of its data."""
        return {} if self.bits is None else {TOP_LEVEL: 2**self.bits - 1}


SINGLE = Kind("SNN W1A1", True, 32)
PAIRS_64, PAIRS_32 = (Kind(f"SNN W1A1, pairs, K = {k}", True, k, 2) for k in (64, 32))
BINARY = Kind("BNN W1A1", True, None)
FLOAT_DATA = Kind("SNN W1A32", False, 32)
TWO_BITS, FOUR_BITS = (Kind(f"SNN W1A{bits}", False, 32, bits=bits) for bits in (2, 4))
KINDS = (SINGLE, PAIRS_64, PAIRS_32, BINARY, TWO_BITS, FOUR_BITS, FLOAT_DATA)


@dataclass(frozen=True)
class Kernel:
    """One of our kernels, ready to be timed."""

    name: str
    """The strategy; with a remark where a shipped record gives the configuration."""
    chosen: bool
    """Whether a compiled network gets it."""
    contender: Contender


def kernels(layer: Layer, kind: Kind, target: Target) -> Iterator[Kernel]:
    """Compile every strategy that can compute a layer on a target, and what a record says of it.

    Raises VerificationError when one of them gives a wrong result.
    """
    operands = _operands(layer, kind)
    features = features_of(target)
    operation = Operation.of(_call(layer, kind, _parameters(operands)))
    reference = OPERATORS[operation.operator].reference
    expected = reference(*operands, **layer.attrs) * layer.scale()
    record = Records(shipped_records()).find(operation, features)
    able = candidates(_known(operation.call(), kind, operands), features)
    ways = [
        (strategy.name, strategy is able[0] and record is None, operation.call(strategy.name))
        for strategy in able
    ]
    if record is not None:
        call = operation.call(record.strategy, record.config)
        ways.append((f"{record.strategy} (tuned)", True, call))
    for name, is_chosen, call in ways:
        if name.startswith(subset_gather.NAME):
            call = _known(call, kind, operands)
        arrays = [*operands, layer.scale()]
        contender = _contender(_library(call, arrays, target), arrays)
        contender.run()
        if not np.allclose(contender.result(), expected, rtol=1e-4, atol=1e-3):
            raise VerificationError(f"{name} gives a wrong result for {layer.name}.")
        yield Kernel(name, is_chosen, contender)


@dataclass(frozen=True)
class Compiled:
    """The kernel that the cost model chooses for a layer."""

    strategy: str
    library: tvm.runtime.Module
    """Machine code, with what the virtual machine runs of it."""
    calls: list[KernelCall]
    """What a run of the layer calls."""
    contender: Contender


def chosen_kernel(layer: Layer, kind: Kind, target: Target) -> Compiled:
    """Compile the strategy that a network gets for a layer without tuning records."""
    operands = _operands(layer, kind)
    operation = Operation.of(_call(layer, kind, _parameters(operands)))
    best = candidates(_known(operation.call(), kind, operands), features_of(target))[0].name
    call = operation.call(best)
    if best == subset_gather.NAME:
        call = _known(call, kind, operands)
    arrays = [*operands, layer.scale()]
    library = _library(call, arrays, target)
    machine, arguments = _prepared(library, arrays)
    calls = kernel_calls(library, machine, arguments)
    return Compiled(best, library, calls, kernel_contender(library, machine, arguments))


def _known(call: relax.Call, kind: Kind, operands: list[NDArray]) -> relax.Call:
    """Tell a call its subset, as a network does, if it has one."""
    return call if kind.kernels is None else with_known_subset(call, operands[1])


def _operands(layer: Layer, kind: Kind) -> list[NDArray]:
    data: NDArray = pack(layer.image()) if kind.packed else layer.image()
    if kind.bits is not None:
        data = layer.levels(kind.bits)
    if kind.kernels is None:
        return [data, layer.signs()]
    return [data, *layer.weights(kind.kernels, kind.unit)]


def _parameters(operands: list[NDArray]) -> list[relax.Var]:
    return [
        relax.Var(f"operand{index}", relax.TensorType(array.shape, str(array.dtype)))
        for index, array in enumerate(operands)
    ]


def _call(layer: Layer, kind: Kind, parameters: list[relax.Var]) -> relax.Call:
    operator = "snn.binary_conv2d" if kind.kernels is None else "snn.subset_conv2d"
    return OPERATORS[operator](*parameters, **layer.attrs, **kind.attrs, strategy="")


def _library(call: relax.Call, arrays: list[NDArray], target: Target) -> tvm.runtime.Module:
    """Compile a call followed by the factors; `arrays` are its operands and the factors."""
    *operands, scale = _parameters(arrays)
    builder = relax.BlockBuilder()
    with builder.function("main", [*operands, scale], {"num_input": 1}):
        with builder.dataflow():
            sums = builder.emit(relax.Call(call.op, operands, call.attrs))
            floats = builder.emit(relax.op.astype(sums, "float32"))
            output = builder.emit_output(relax.op.multiply(floats, scale))
        builder.emit_func_output(output)
    return lower(builder.get(), target).executable.jit()


def _contender(library: tvm.runtime.Module, arrays: list[NDArray]) -> Contender:
    return kernel_contender(library, *_prepared(library, arrays))


def _prepared(
    library: tvm.runtime.Module, arrays: list[NDArray]
) -> tuple[relax.VirtualMachine, list[Any]]:
    """Return a virtual machine and the arguments of its `main`: the data, and packed weights."""
    machine = relax.VirtualMachine(library, tvm.cpu())
    data, *weights = [tvm.runtime.tensor(array) for array in arrays]
    packed = machine[TRANSFORM_WEIGHTS](tvm.runtime.convert(weights))
    return machine, [data, *packed]
