import dataclasses

import numpy as np
import pytest
from tvm import relax

import tvm_snn
from tests.building import module, named, sub_bit_weight, tensor
from tests.compiled import small_inputs, small_module, small_network
from tvm_snn.cores import Cores


def _with_other_weight(network: tvm_snn.Network, name: str, change) -> tvm_snn.Network:
    """A network whose reference has another weight than its kernels."""
    other = tvm_snn.Network(network.artifact)
    weights = [
        dataclasses.replace(w, array=change(w.array.copy())) if w.name == name else w
        for w in network.artifact.weights
    ]
    assert any(w.name == name for w in weights)
    other.artifact = dataclasses.replace(network.artifact, weights=tuple(weights))
    return other


def test_every_result_of_every_kernel_is_compared() -> None:
    network = small_network()
    verification = tvm_snn.verify(network, small_inputs(3))
    results = [name for kernel in network.artifact.kernels for name in kernel.outputs]
    assert [check.tensor for check in verification.checks] == results
    assert [c.tensor for c in verification.cores] == ["layer1.conv", "layer2.conv", "layer3.conv"]
    assert [c.exact for c in verification.cores][::2] == [True, True]
    assert verification.ties == 0
    assert "bit for bit" in str(verification)


def test_a_model_is_compiled_first() -> None:
    assert tvm_snn.verify(small_module()).checks


def test_one_wrong_index_is_found() -> None:
    def change(indices):
        indices[3, 5] = (indices[3, 5] + 1) % 8
        return indices

    wrong = _with_other_weight(small_network(), "layer1.conv.indices", change)
    with pytest.raises(tvm_snn.VerificationError, match="elements differ, the worst at"):
        tvm_snn.verify(wrong, small_inputs())


@pytest.mark.parametrize("layer", ["layer1.conv", "layer3.conv"])
def test_a_sum_that_is_off_by_one_is_found(monkeypatch, layer: str) -> None:
    compute = Cores.__call__

    def off_by_one(self, data):
        sums = {name: array.copy() for name, array in compute(self, data).items()}
        sums[layer][1, 2, 3, 3] += 1
        return sums

    monkeypatch.setattr(Cores, "__call__", off_by_one)
    with pytest.raises(
        tvm_snn.VerificationError,
        match=rf"tensor '{layer}': 1 of [\d,]+ elements differ, the worst at \(1, 2, 3, 3\)",
    ):
        tvm_snn.verify(small_network(), small_inputs())


def test_one_wrong_binary_weight_is_found() -> None:
    def change(signs):
        signs[3, 5, 1, 1] *= -1
        return signs

    wrong = _with_other_weight(small_network(), "layer3.conv.weight", change)
    with pytest.raises(tvm_snn.VerificationError, match="elements differ, the worst at"):
        tvm_snn.verify(wrong, small_inputs())


def _signs_of_shifted_input() -> tvm_snn.Network:
    """sign(x + bias), then a binary convolution."""
    bias = np.full((1, 8, 1, 1), 1e-9, np.float32)

    def body(builder, x):
        shifted = builder.emit(relax.op.add(x, relax.const(bias)))
        signs = builder.emit(relax.op.sign(shifted))
        weight = relax.const(sub_bit_weight(8, 8, size=4))
        return named(builder, "conv", relax.op.nn.conv2d(signs, weight))

    return tvm_snn.compile(module([tensor("x", 1, 8, 5, 5)], body))


def test_a_sign_that_flips_at_zero_is_reported_as_a_tie() -> None:
    wrong = _with_other_weight(_signs_of_shifted_input(), "add.constant", lambda bias: -bias)
    data = np.ones((1, 8, 5, 5), np.float32)
    data[0, :3, 2, 2] = 0
    verification = tvm_snn.verify(wrong, [data])
    assert verification.ties == 3
    assert verification.output_difference > 0
    assert "3 signs differ where the float is zero but for rounding" in str(verification)


def _sum_of_sign_and_input(sign) -> tvm_snn.Network:
    """sign(x + bias) * 3 + x in one kernel."""
    bias = np.linspace(1e-9, 2e-9, 8, dtype=np.float32).reshape(1, 8, 1, 1)

    def body(builder, x):
        shifted = builder.emit(relax.op.add(x, relax.const(bias)))
        signs = builder.emit(relax.op.multiply(sign(builder, shifted), relax.const(3.0)))
        return builder.emit(relax.op.add(signs, x))

    return tvm_snn.compile(module([tensor("x", 1, 8, 5, 5)], body))


def _comparison(builder, x):
    positive = builder.emit(relax.op.greater_equal(x, relax.const(0.0)))
    return builder.emit(relax.op.where(positive, relax.const(1.0), relax.const(-1.0)))


def _sign_of_zero_is_one(builder, x):
    zero = builder.emit(relax.op.equal(x, relax.const(0.0)))
    sign = builder.emit(relax.op.sign(x))
    return builder.emit(relax.op.where(zero, relax.const(1.0), sign))


SIGNS = {
    "sign": lambda builder, x: builder.emit(relax.op.sign(x)),
    "comparison": _comparison,
    "sign of zero is one": _sign_of_zero_is_one,
    "rounded": lambda builder, x: builder.emit(relax.op.floor(x)),
}


@pytest.mark.parametrize("sign", SIGNS)
def test_a_tie_is_known_in_whatever_its_kernel_makes_of_it(sign: str) -> None:
    wrong = _with_other_weight(
        _sum_of_sign_and_input(SIGNS[sign]), "add.constant", lambda bias: -bias
    )
    data = np.full((1, 8, 5, 5), 0.5, np.float32)
    data[0, :3, 2, 2] = 0
    verification = tvm_snn.verify(wrong, [data])
    assert verification.ties == 3
    assert "float32 rounding but for ties (largest difference 0)" in str(verification)


@pytest.mark.parametrize("sign", SIGNS)
def test_beside_a_tie_nothing_else_is_excused(sign: str) -> None:
    def change(bias):
        bias[0, 5] = -1
        return bias

    wrong = _with_other_weight(_sum_of_sign_and_input(SIGNS[sign]), "add.constant", change)
    data = np.full((1, 8, 5, 5), 0.5, np.float32)
    data[0, :, 2, 2] = 0
    with pytest.raises(tvm_snn.VerificationError, match="25 of 200 elements differ"):
        tvm_snn.verify(wrong, [data])


def test_a_sign_that_flips_away_from_zero_is_an_error() -> None:
    wrong = _with_other_weight(_signs_of_shifted_input(), "add.constant", lambda bias: bias - 2)
    with pytest.raises(tvm_snn.VerificationError, match="200 of 3,200 elements differ"):
        tvm_snn.verify(wrong, [np.ones((1, 8, 5, 5), np.float32)])


def test_signs_that_another_engine_may_decide_otherwise_are_counted() -> None:
    data = np.ones((1, 8, 5, 5), np.float32)
    data[0, :3, 2, 2] = 0
    compared = _sum_of_sign_and_input(_comparison)
    assert tvm_snn.verify(compared, [data]).close_calls == 3
    verification = tvm_snn.verify(_signs_of_shifted_input(), [data])
    assert (verification.ties, verification.close_calls) == (0, 3)
    assert "3 signs are of floats within rounding of zero" in str(verification)


def test_signs_of_exact_zeros_are_counted_apart() -> None:
    data = np.ones((1, 8, 5, 5), np.float32)
    data[0, :2, 2, 2] = -1e-9
    verification = tvm_snn.verify(_signs_of_shifted_input(), [data])
    assert (verification.close_calls, verification.zeros) == (0, 2)


def test_inputs_by_position_by_name_and_alone() -> None:
    image, offset = small_inputs()
    network = small_network()
    assert tvm_snn.verify(network, (image, offset)).checks
    assert tvm_snn.verify(network, {"offset": offset, "image": image}).checks
    alone = _signs_of_shifted_input()
    assert tvm_snn.verify(alone, np.ones((1, 8, 5, 5), np.float32)).checks
    with pytest.raises(tvm_snn.ModelError, match="missing is"):
        tvm_snn.verify(network, {"image": image})
