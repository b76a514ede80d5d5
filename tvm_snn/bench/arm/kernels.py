"""What is compared: our kernels for a layer, strategy by strategy, and what other engines do.

What is counted is what a layer is inside of a network: packed signs (or float32) in, the
convolution, a factor for each output channel, float32 out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax

from ...errors import VerificationError
from ...ops import OPERATORS
from ...ops.packed_signs import pack
from ...relay_passes.lower import schedule_kernels
from ...schedules import LEGALIZATIONS, candidates, subset_gather
from ...schedules.operation import Operation
from ...schedules.subset_gather.responses import with_known_subset
from ...target import features_of
from ..layers_of_resnet18 import Layer
from .blocks import count_blocks
from .emulate import compile_program, emulate, link
from .machines import Machine
from .model import Estimate, estimate
from .standalone import Program, input_bytes, object_code

_BASELINES = Path(__file__).with_name("baselines.c")


@dataclass(frozen=True)
class Kind:
    """What is known of weights and activations of a layer."""

    name: str
    packed: bool
    """Whether the data are packed signs (W1A1) or float32 (W1A32)."""
    kernels: int | None
    """Size of the subset, or None where each kernel is its own (1 bit)."""
    unit: int = 1
    """Channels of a unit."""


KINDS = (
    Kind("BNN W1A1", True, None),
    Kind("SNN W1A1, K = 32", True, 32),
    Kind("SNN W1A1, K = 16", True, 16),
    Kind("SNN W1A1, pairs, K = 32", True, 32, 2),
    Kind("SNN W1A1, pairs, K = 16", True, 16, 2),
    Kind("SNN W1A32, K = 32", False, 32),
    Kind("SNN W1A32, pairs, K = 32", False, 32, 2),
)
FLOAT = "decoded_dense"
"""Strategy that is a dense float32 convolution, whose weights happen to be signs."""
POPCOUNT, INT8 = "popcount by hand", "int8 by hand"


@dataclass(frozen=True)
class Counted:
    """One way to compute a layer, counted and modelled."""

    kind: str
    way: str
    """A strategy, or what a baseline is."""
    chosen: bool
    """Whether a compiled network gets it."""
    estimate: Estimate


def ours(layer: Layer, kind: Kind, machine: Machine) -> Iterator[Counted]:
    """Compile, run and count every strategy that can compute a layer.

    Raises VerificationError when one of them gives a wrong result.
    """
    data = pack(layer.image()) if kind.packed else layer.image()
    weights: list[NDArray] = [layer.signs()]
    if kind.kernels is not None:
        weights = list(layer.weights(kind.kernels, kind.unit))
    operands = [data, *weights]
    operator = "snn.binary_conv2d" if kind.kernels is None else "snn.subset_conv2d"
    call = OPERATORS[operator](*_parameters(operands), **layer.attrs, strategy="")
    operation = Operation.of(call)
    expected = OPERATORS[operator].reference(*operands, **layer.attrs) * layer.scale()
    able = candidates(_known(operation.call(), kind, weights), features_of(machine.target))
    for strategy in able:
        # A dense convolution of signs in float32 is nobody's choice, and takes long to emulate.
        if strategy.name == FLOAT and kind.packed:
            continue
        named = operation.call(strategy.name)
        if strategy.name == subset_gather.NAME:
            named = _known(named, kind, weights)
        arrays = [*operands, layer.scale()]
        result, taken = _count(named, arrays, machine)
        if not np.allclose(result, expected, rtol=1e-4, atol=1e-3):
            raise VerificationError(f"{strategy.name} gives a wrong result for {layer.name}.")
        yield Counted(kind.name, strategy.name, strategy is able[0], taken)


def baselines(layer: Layer, machine: Machine) -> Iterator[Counted]:
    """Compile, run and count the convolutions written by hand.

    Raises VerificationError when one of them gives a wrong result.
    """
    signs = np.where(layer.image() < 0, -1, 1).astype(np.int8)
    weight, scale = layer.signs(), layer.scale()
    by_taps = weight.transpose(0, 2, 3, 1)
    reference = OPERATORS["snn.binary_conv2d"].reference
    expected = reference(signs, weight, **layer.attrs) * scale
    operands: dict[str, list[NDArray]] = {
        POPCOUNT: [_bits(signs), _bits(by_taps), scale],
        INT8: [signs, by_taps, scale],
    }
    for way, arrays in operands.items():
        defined = {
            "LAYER_CHANNELS": layer.channels,
            "LAYER_OUTPUTS": layer.outputs,
            "LAYER_SIZE": layer.size,
            "LAYER_STRIDE": layer.stride,
        }
        if way == POPCOUNT:
            defined["POPCOUNT"] = 1
        with TemporaryDirectory() as folder:
            path = compile_program(machine, Path(folder), _BASELINES, defined)
            data = input_bytes(arrays)
            result = np.frombuffer(emulate(machine, path, data), np.float32)
            taken = estimate(machine, count_blocks(machine, path, data))
        if not np.allclose(result.reshape(expected.shape), expected, rtol=1e-4, atol=1e-3):
            raise VerificationError(f"{way} gives a wrong result for {layer.name}.")
        yield Counted(way, "", False, taken)


def _bits(signs: NDArray[np.int8]) -> NDArray[np.uint64]:
    """Return words of 64 channels, a bit set where a sign is negative; channels are last."""
    return np.packbits(signs < 0, axis=-1, bitorder="little").view(np.uint64)


def _known(call: relax.Call, kind: Kind, weights: list[NDArray]) -> relax.Call:
    """Tell a call its subset, as a network does, if it has one."""
    return call if kind.kernels is None else with_known_subset(call, weights[0])


def _parameters(operands: list[NDArray]) -> list[relax.Var]:
    return [
        relax.Var(f"operand{index}", relax.TensorType(array.shape, str(array.dtype)))
        for index, array in enumerate(operands)
    ]


def _count(call: relax.Call, arrays: list[NDArray], machine: Machine) -> tuple[NDArray, Estimate]:
    """Compile a call followed by the factors, run it, and count what it takes.

    `arrays` are its operands and the factors.
    """
    *operands, scale = _parameters(arrays)
    builder = relax.BlockBuilder()
    with builder.function("main", [*operands, scale], {"num_input": 1}):
        with builder.dataflow():
            sums = builder.emit(relax.Call(call.op, operands, call.attrs))
            floats = builder.emit(relax.op.astype(sums, "float32"))
            output = builder.emit_output(relax.op.multiply(floats, scale))
        builder.emit_func_output(output)
    passes = [
        relax.transform.LegalizeOps(LEGALIZATIONS),
        relax.transform.LiftTransformParams(),
        relax.transform.AnnotateTIROpPattern(),
        relax.transform.FuseOps(),
        relax.transform.FuseTIR(),
        schedule_kernels(machine.target),
    ]
    with machine.target:
        module = tvm.transform.Sequential(passes)(builder.get())
    program = Program.of(module)
    code = object_code(module, machine.target)
    data = input_bytes(arrays)
    with TemporaryDirectory() as folder:
        path = link(machine, Path(folder), program.source, code)
        (result,) = program.read_results(emulate(machine, path, data))
        return result, estimate(machine, count_blocks(machine, path, data))
