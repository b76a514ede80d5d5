"""What is compared: our kernels for a layer, strategy by strategy, and what other engines do.

What is counted is what a layer is inside of a network: packed signs (or levels, or float32) in, the
convolution, a factor for each output channel, float32 out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax

from ...errors import VerificationError
from ...ops import OPERATORS
from ...ops.levels import TOP_LEVEL
from ...ops.packed_signs import pack
from ...relay_passes.lower import schedule_kernels
from ...schedules import (
    LEGALIZATIONS,
    Strategy,
    candidates,
    dot_products,
    subset_gather,
    xnor_popcount,
)
from ...schedules.operation import Operation
from ...schedules.subset_gather.responses import with_known_subset
from ...target import features_of
from ..layers_of_resnet18 import Layer
from .blocks import Counts, count
from .emulate import compile_program, link
from .machines import Machine
from .model import Estimate, estimate
from .standalone import Program, input_bytes, object_code

_BASELINES = Path(__file__).with_name("baselines.c")


@dataclass(frozen=True)
class Kind:
    """What is known of weights and activations of a layer."""

    name: str
    bits: int
    """Bits of the data: 1 for packed signs (W1A1), 32 for float32, others for levels (W1Ak)."""
    kernels: int | None
    """Size of the subset, or None where each kernel is its own (1 bit)."""
    unit: int = 1
    """Channels of a unit."""

    def data(self, layer: Layer) -> NDArray:
        """Return what goes into a layer."""
        if self.bits == 1:
            return pack(layer.image())
        return layer.image() if self.bits == FLOAT_BITS else layer.levels(self.bits)

    def attrs(self, layer: Layer) -> dict[str, Any]:
        """Return the attributes of a layer's call."""
        if self.bits in (1, FLOAT_BITS):
            return layer.attrs
        return layer.attrs | {TOP_LEVEL: 2**self.bits - 1}


FLOAT_BITS = 32
KINDS = (
    Kind("BNN W1A1", 1, None),
    Kind("SNN W1A1, K = 32", 1, 32),
    Kind("SNN W1A1, K = 16", 1, 16),
    Kind("SNN W1A1, pairs, K = 32", 1, 32, 2),
    Kind("SNN W1A1, pairs, K = 16", 1, 16, 2),
    Kind("SNN W1A2, K = 32", 2, 32),
    Kind("SNN W1A8, K = 32", 8, 32),
    Kind("SNN W1A32, K = 32", FLOAT_BITS, 32),
    Kind("SNN W1A32, pairs, K = 32", FLOAT_BITS, 32, 2),
)
FLOAT = "decoded_dense"
"""Strategy that is a dense float32 convolution, whose weights happen to be signs."""
_DECODING = FLOAT, xnor_popcount.NAME, dot_products.NAME
"""Strategies that decode indices when a network is loaded."""
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
    able = _able(layer, kind, machine)
    for strategy in able:
        # A dense convolution of signs in float32 is nobody's choice, and takes long to emulate.
        if strategy.name == FLOAT and kind.bits < FLOAT_BITS:
            continue
        taken = _estimate(layer, _computed(kind, strategy.name), strategy.name, machine)
        yield Counted(kind.name, strategy.name, strategy is able[0], taken)


def count_chosen(layer: Layer, kind: Kind, machine: Machine) -> tuple[str, Counts]:
    """Return the strategy that a compiled network gets for a layer, and what it does.

    Raises VerificationError when it gives a wrong result.
    """
    strategy = _able(layer, kind, machine)[0].name
    return strategy, _count(layer, _computed(kind, strategy), strategy, machine)


def _able(layer: Layer, kind: Kind, machine: Machine) -> list[Strategy]:
    """Return the strategies that can compute a layer, the one that is chosen first."""
    call = _problem(layer, kind).call(subset_gather.NAME)
    return candidates(call, features_of(machine.target))


def _computed(kind: Kind, strategy: str) -> Kind:
    """Return what a strategy computes.

    Decoded when a network is loaded, all weights are for the same kernel.
    """
    return Kind("", kind.bits, None) if strategy in _DECODING else kind


@dataclass(frozen=True)
class _Problem:
    """A layer with operands, and what it gives for them."""

    operation: Operation
    operands: list[NDArray]
    expected: NDArray
    """The result, float32."""

    def call(self, strategy: str) -> relax.Call:
        """Return the call; for a gather it knows its subset, as in a network."""
        call = self.operation.call(strategy)
        known = strategy == subset_gather.NAME and call.op.name == _SUBSET
        return with_known_subset(call, self.operands[1]) if known else call


_SUBSET, _BINARY = "snn.subset_conv2d", "snn.binary_conv2d"


@lru_cache(maxsize=2)
def _problem(layer: Layer, kind: Kind) -> _Problem:
    weights: list[NDArray] = [layer.signs()]
    if kind.kernels is not None:
        weights = list(layer.weights(kind.kernels, kind.unit))
    operands = [kind.data(layer), *weights]
    operator = OPERATORS[_BINARY if kind.kernels is None else _SUBSET]
    attrs = kind.attrs(layer)
    operation = Operation.of(operator(*_parameters(operands), **attrs, strategy=""))
    expected = operator.reference(*operands, **attrs) * layer.scale()
    return _Problem(operation, operands, expected)


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
            counts = count(machine, path, data)
        result = np.frombuffer(counts.output, np.float32)
        if not np.allclose(result.reshape(expected.shape), expected, rtol=1e-4, atol=1e-3):
            raise VerificationError(f"{way} gives a wrong result for {layer.name}.")
        yield Counted(way, "", False, estimate(machine, counts))


def _bits(signs: NDArray[np.int8]) -> NDArray[np.uint64]:
    """Return words of 64 channels, a bit set where a sign is negative; channels are last."""
    return np.packbits(signs < 0, axis=-1, bitorder="little").view(np.uint64)


def _parameters(operands: list[NDArray]) -> list[relax.Var]:
    return [
        relax.Var(f"operand{index}", relax.TensorType(array.shape, str(array.dtype)))
        for index, array in enumerate(operands)
    ]


@cache
def _estimate(layer: Layer, kind: Kind, strategy: str, machine: Machine) -> Estimate:
    return estimate(machine, _count(layer, kind, strategy, machine))


def _count(layer: Layer, kind: Kind, strategy: str, machine: Machine) -> Counts:
    """Compile a layer followed by its factors, run it, and count what it takes.

    Raises VerificationError when the result is wrong.
    """
    problem = _problem(layer, kind)
    call, arrays = problem.call(strategy), [*problem.operands, layer.scale()]
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
    with TemporaryDirectory() as folder:
        path = link(machine, Path(folder), program.source, code)
        counts = count(machine, path, input_bytes(arrays))
    (result,) = program.read_results(counts.output)
    if not np.allclose(result, problem.expected, rtol=1e-4, atol=1e-3):
        raise VerificationError(f"{strategy} gives a wrong result for {layer.name}.")
    return counts
