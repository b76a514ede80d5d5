"""The cleaning phase as a whole."""

import numpy as np
from tvm import relax
from tvm.relax import op

from tvm_snn.relay_passes.clean import clean
from tvm_snn.relay_passes.layers import (
    layer_bindings,
    operator_name,
    rename_bindings,
    restore_layer_names,
    var_bindings,
)

RNG = np.random.default_rng(0)


def constant(*shape):
    return relax.const(RNG.normal(size=shape).astype("float32"))


def soft(emit, x):
    """x (2 - |x|) between -1 and 1: computed anew at each call, as forward does."""
    clipped = emit(op.clip(x, -1.0, 1.0))
    return emit(
        op.multiply(clipped, emit(op.subtract(relax.const(2.0, "float32"), emit(op.abs(clipped)))))
    )


def network():
    """conv -> BatchNorm -> binarised, with f(x) computed twice -> conv, the output unnamed."""
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((2, 3, 8, 8), "float32"))
    emit = builder.emit
    with builder.function("main", [x]):
        with builder.dataflow():
            first = emit(op.nn.conv2d(x, constant(4, 3, 3, 3), padding=1))
            statistics = [constant(4), constant(4), constant(4), relax.const(np.ones(4, "f4"))]
            normed = emit(emit(op.nn.batch_norm(first, *statistics, axis=1, training=False))[0])
            wide = emit(op.broadcast_to(constant(1, 4, 1, 1), (2, 4, 8, 8)))
            moved = emit(op.add(normed, wide))
            rest = emit(op.subtract(emit(op.sign(moved)), soft(emit, moved)))
            binary = emit(op.add(rest, soft(emit, moved)))
            weight = emit(op.multiply(emit(op.sign(constant(5, 4, 3, 3))), constant(5, 1, 1, 1)))
            output = builder.emit_output(emit(op.nn.conv2d(binary, weight)))
        builder.emit_func_output(output)
    module = builder.get()
    names = ("stem.conv", "layer1.0.binary_conv")
    layers = layer_bindings(module["main"])
    return rename_bindings(module, {b.var: n for b, n in zip(layers, names, strict=True)})


def test_nothing_but_the_network_is_left():
    cleaned = clean(network())["main"]
    operators = [operator_name(b.value).removeprefix("relax.") for b in var_bindings(cleaned)]
    assert operators == ["nn.conv2d", "multiply", "add", "add", "sign", "nn.conv2d"]
    bias = list(var_bindings(cleaned))[3].value.args[1]
    assert [int(size) for size in bias.ty.shape.values] == [1, 4, 1, 1]


def test_layers_keep_their_names():
    """Canonicalising would call the last layer after the output it is bound to."""
    names = [b.var.name for b in layer_bindings(clean(network())["main"])]
    assert names == ["stem.conv", "layer1.0.binary_conv"]


def test_cleaning_twice_changes_nothing():
    once = clean(network())
    twice = clean(once)
    assert once.script() == twice.script()


def test_names_are_not_restored_when_layers_went_missing():
    module = network()
    assert restore_layer_names(module, ["only one"]) is module
