"""Kernels that pack the signs of their own result, and those that may not."""

import numpy as np
import tvm
from tvm import relax

from tests.building import module, named, tensor
from tvm_snn.ops import ConvGeometry, binary_conv2d, pack_signs
from tvm_snn.reference import evaluate
from tvm_snn.relay_passes.lift_weights import lift_weights
from tvm_snn.relay_passes.lower import TRANSFORM_WEIGHTS, lower
from tvm_snn.target import parse_target

_GEOMETRY = ConvGeometry(padding=(1, 1, 1, 1), data_layout="NHWC").attrs()
_CHANNELS = np.linspace(-3, 4, 70).astype(np.float32)


def _epilogue(builder, x):
    weight = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), (70, 16, 3, 3))
    call = binary_conv2d(x, relax.const(weight), **_GEOMETRY, strategy="")
    sums = builder.emit(relax.op.astype(builder.emit(call), "float32"))
    return builder.emit(relax.op.multiply(sums, relax.const(_CHANNELS)))


def _run(mod: tvm.IRModule, x: np.ndarray) -> tuple[int, list[np.ndarray]]:
    """The number of kernels, and the results."""
    lifted = lift_weights(mod)
    lowered = lower(lifted.module, parse_target("host"))
    machine = relax.VirtualMachine(lowered.executable, tvm.cpu())
    weights = [tvm.runtime.tensor(weight.array) for weight in lifted.weights]
    result = machine["main"](tvm.runtime.tensor(x), *machine[TRANSFORM_WEIGHTS](weights))
    tensors = [result] if hasattr(result, "numpy") else list(result)
    return len(lowered.kernels), [t.numpy() for t in tensors]


def _signs() -> np.ndarray:
    return np.random.default_rng(1).integers(-1, 2, (2, 9, 7, 16)).astype(np.int8)


def _module(body) -> tvm.IRModule:
    return module([tensor("x", 2, 9, 7, 16, dtype="int8")], body)


def test_a_result_that_is_only_packed_stays_in_its_kernel() -> None:
    def body(builder, x):
        scaled = _epilogue(builder, x)
        shifted = builder.emit(relax.op.add(scaled, relax.const(np.float32(0.5))))
        return named(builder, "words", pack_signs(shifted, groups=1))

    mod = _module(body)
    kernels, (words,) = _run(mod, _signs())
    assert kernels == 1
    np.testing.assert_array_equal(words, evaluate(mod["main"], [_signs()]))


def test_a_result_with_another_reader_is_written_and_packed_apart() -> None:
    def body(builder, x):
        scaled = _epilogue(builder, x)
        words = builder.emit(pack_signs(scaled, groups=1))
        return builder.emit(relax.Tuple([scaled, words]))

    mod = _module(body)
    kernels, results = _run(mod, _signs())
    assert kernels == 2
    for found, expected in zip(results, evaluate(mod["main"], [_signs()]), strict=True):
        np.testing.assert_array_equal(found, expected)
