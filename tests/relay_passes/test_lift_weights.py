import numpy as np
from tvm import relax

from tests.building import module, named, sub_bit_weight, tensor
from tvm_snn.reference import evaluate
from tvm_snn.relay_passes.detect_layers import detect_layers
from tvm_snn.relay_passes.lift_weights import lift_weights
from tvm_snn.relay_passes.rewrite_layers import rewrite_layers


def _network():
    generator = np.random.default_rng(0)
    signs = generator.choice([-1.0, 1.0], (8, 16, 3, 3)).astype(np.float32)
    bias = generator.normal(size=(1, 8, 1, 1)).astype(np.float32)

    def body(builder, x):
        first = relax.const(sub_bit_weight(16, 16, size=6))
        x = builder.emit(relax.op.sign(x))
        x = named(builder, "a.conv", relax.op.nn.conv2d(x, first, padding=(1, 1)))
        x = named(builder, "b.conv", relax.op.nn.conv2d(x, relax.const(signs), padding=(1, 1)))
        x = builder.emit(relax.op.add(x, relax.const(bias)))
        x = builder.emit(relax.op.multiply(x, relax.const(2.0)))
        float_weight = relax.const(generator.normal(size=(4, 8, 1, 1)).astype(np.float32))
        return named(builder, "c.conv", relax.op.nn.conv2d(x, float_weight))

    before = module([tensor("x", 2, 16, 6, 6)], body)
    return rewrite_layers(detect_layers(before))(before)


def test_every_tensor_becomes_a_named_parameter() -> None:
    lifted = lift_weights(_network())
    assert [weight.name for weight in lifted.weights] == [
        "a.conv.subset",
        "a.conv.indices",
        "b.conv.weight",
        "lv1.constant",
        "c.conv.weight",
    ]
    main = lifted.module["main"]
    assert int(main.attrs["num_input"]) == 1
    assert [str(param.name) for param in main.params[1:]] == [w.name for w in lifted.weights]


def test_weights_know_how_many_bits_they_carry() -> None:
    subset, indices, binary, bias, dense = lift_weights(_network()).weights
    assert (subset.bits, subset.signs, subset.bound) == (1, True, None)
    assert (indices.bits, indices.signs, indices.bound) == (3, False, 6)
    assert (binary.bits, binary.signs) == (1, True)
    assert bias.bits == dense.bits == 32


def test_the_network_computes_the_same() -> None:
    before = _network()
    lifted = lift_weights(before)
    data = np.random.default_rng(1).normal(size=(2, 16, 6, 6)).astype(np.float32)
    arrays = [weight.array for weight in lifted.weights]
    np.testing.assert_array_equal(
        evaluate(before["main"], [data]), evaluate(lifted.module["main"], [data, *arrays])
    )


def test_a_constant_that_is_used_twice_is_one_weight() -> None:
    shared = relax.const(np.arange(4, dtype=np.float32))

    def body(builder, x):
        return builder.emit(relax.op.add(builder.emit(relax.op.multiply(x, shared)), shared))

    assert len(lift_weights(module([tensor("x", 4)], body)).weights) == 1
