"""Before and after: images turned channels-last, and what cannot be turned."""

import numpy as np
import pytest
import tvm
from tvm import relax

from tests.building import module, named, tensor
from tests.networks.random_cnn import random_cnn
from tvm_snn.compiler import detect
from tvm_snn.ops import ConvGeometry, subset_conv2d
from tvm_snn.reference import evaluate
from tvm_snn.relay_passes.channels_last import TO_FIRST, TO_LAST, ChannelsLast
from tvm_snn.relay_passes.layers import operator_name, var_bindings
from tvm_snn.relay_passes.rewrite_layers import rewrite_layers

_WEIGHT = np.random.default_rng(0).standard_normal((5, 3, 3, 3)).astype(np.float32)
_SUBSET = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), (4, 1, 3, 3))
_INDICES = np.random.default_rng(0).integers(0, 4, (6, 5)).astype(np.uint8)
_CHANNELS = np.arange(5, dtype=np.float32)


def _turned(before: tvm.IRModule) -> tvm.IRModule:
    after = ChannelsLast()(before)
    relax.analysis.well_formed(after)
    return after


def _operators(mod: tvm.IRModule) -> list[str]:
    return [operator_name(b.value).removeprefix("relax.") for b in var_bindings(mod["main"])]


def _conv(builder, x):
    return builder.emit(relax.op.nn.conv2d(x, relax.const(_WEIGHT), padding=(1, 1)))


def _conv_last(builder, x):
    turned = builder.emit(relax.op.permute_dims(x, TO_LAST))
    layouts = {"data_layout": "NHWC", "kernel_layout": "OIHW", "out_layout": "NHWC"}
    call = relax.op.nn.conv2d(turned, relax.const(_WEIGHT), padding=(1, 1), **layouts)
    return builder.emit(call)


def test_a_body_of_convolutions_is_turned_once() -> None:
    def before(builder, x):
        y = _conv(builder, x)
        y = builder.emit(relax.op.multiply(y, relax.const(_CHANNELS.reshape(1, 5, 1, 1))))
        y = builder.emit(relax.op.nn.relu(y))
        y = builder.emit(relax.op.nn.max_pool2d(y, (2, 2), (2, 2)))
        signs = builder.emit(relax.op.astype(builder.emit(relax.op.sign(y)), "int8"))
        attrs = ConvGeometry(padding=(1, 1, 1, 1)).attrs()
        call = subset_conv2d(
            signs, relax.const(_SUBSET), relax.const(_INDICES), **attrs, strategy=""
        )
        sums = builder.emit(relax.op.astype(builder.emit(call), "float32"))
        return builder.emit(relax.op.mean(sums, [2, 3]))

    def expected(builder, x):
        y = _conv_last(builder, x)
        y = builder.emit(relax.op.multiply(y, relax.const(_CHANNELS.reshape(1, 1, 1, 5))))
        y = builder.emit(relax.op.nn.relu(y))
        y = builder.emit(relax.op.nn.max_pool2d(y, (2, 2), (2, 2), layout="NHWC"))
        signs = builder.emit(relax.op.astype(builder.emit(relax.op.sign(y)), "int8"))
        attrs = ConvGeometry(padding=(1, 1, 1, 1), data_layout="NHWC").attrs()
        call = subset_conv2d(
            signs, relax.const(_SUBSET), relax.const(_INDICES), **attrs, strategy=""
        )
        sums = builder.emit(relax.op.astype(builder.emit(call), "float32"))
        return builder.emit(relax.op.mean(sums, [1, 2]))

    params = [tensor("x", 1, 3, 8, 8)]
    tvm.ir.assert_structural_equal(_turned(module(params, before)), module(params, expected))


def test_outputs_are_turned_back() -> None:
    def expected(builder, x):
        return builder.emit(relax.op.permute_dims(_conv_last(builder, x), TO_FIRST))

    params = [tensor("x", 1, 3, 8, 8)]
    tvm.ir.assert_structural_equal(_turned(module(params, _conv)), module(params, expected))


def test_layers_keep_their_names() -> None:
    def before(builder, x):
        return named(builder, "layer1.0.conv1", relax.op.nn.conv2d(x, relax.const(_WEIGHT)))

    after = _turned(module([tensor("x", 1, 3, 8, 8)], before))
    named_so = [b for b in var_bindings(after["main"]) if str(b.var.name) == "layer1.0.conv1"]
    assert [operator_name(b.value) for b in named_so] == ["relax.nn.conv2d"]


def test_what_cannot_be_turned_reads_a_turned_image_once() -> None:
    def before(builder, x):
        y = _conv(builder, x)
        twice = [builder.emit(relax.op.nn.softmax(y, axis=axis)) for axis in (1, 2)]
        return builder.emit(relax.op.add(*twice))

    after = _turned(module([tensor("x", 1, 3, 8, 8)], before))
    assert _operators(after) == [
        "permute_dims",
        "nn.conv2d",
        "permute_dims",
        "nn.softmax",
        "nn.softmax",
        "add",
        "",
    ]


def test_turns_of_the_network_itself_cancel() -> None:
    """A network that works channels-last and turns its images for each convolution."""

    def before(builder, x):
        y = builder.emit(relax.op.permute_dims(_conv(builder, x), TO_LAST))
        y = builder.emit(relax.op.nn.layer_norm(y, *_layer_norm(5), [-1]))
        y = builder.emit(relax.op.permute_dims(y, TO_FIRST))
        again = relax.const(np.ones((2, 5, 1, 1), np.float32))
        y = builder.emit(relax.op.nn.conv2d(y, again))
        return builder.emit(relax.op.mean(y, [2, 3]))

    after = _turned(module([tensor("x", 1, 3, 8, 8)], before))
    assert _operators(after) == [
        "permute_dims",
        "nn.conv2d",
        "nn.layer_norm",
        "nn.conv2d",
        "mean",
        "",
    ]


def _layer_norm(channels: int) -> tuple[relax.Expr, relax.Expr]:
    ones = np.ones(channels, np.float32)
    return relax.const(ones), relax.const(0 * ones)


def _slice_and_pad(builder, y):
    y = builder.emit(relax.op.strided_slice(y, [2, 1], [0, 1], [8, 5], [2, 2]))
    return builder.emit(relax.op.nn.pad(y, [0, 0, 1, 2, 0, 1, 3, 0]))


def _pick(builder, y):
    channels = relax.const(np.array([4, 0, 0, 2]))
    y = builder.emit(relax.op.take(y, channels, 1, mode="clip"))
    return builder.emit(relax.op.take(y, relax.const(np.array([5, 1])), -1, mode="clip"))


def _join(builder, y):
    both = builder.emit(relax.op.concat([y, builder.emit(relax.op.negative(y))], 1))
    return builder.emit(relax.op.concat([both, both], -1))


def _reduce(builder, y):
    gate = builder.emit(relax.op.max(y, [1, 3], keepdims=True))
    return builder.emit(relax.op.sum(builder.emit(relax.op.multiply(y, gate)), [1]))


def _columns(builder, y):
    return builder.emit(relax.op.add(y, relax.const(np.arange(8, dtype=np.float32))))


def _select(builder, y):
    zero = relax.const(0.0)
    above = builder.emit(relax.op.greater(y, zero))
    slope = relax.const(_CHANNELS.reshape(5, 1, 1))
    y = builder.emit(relax.op.where(above, y, builder.emit(relax.op.multiply(y, slope))))
    return builder.emit(relax.op.clip(y, -1, 1))


def _flatten(builder, y):
    y = builder.emit(relax.op.nn.adaptive_avg_pool2d(y, (1, 1)))
    return builder.emit(relax.op.reshape(y, (2, 5)))


def _flatten_pixels(builder, y):
    return builder.emit(relax.op.reshape(builder.emit(relax.op.nn.relu(y)), (2, 320)))


@pytest.mark.parametrize(
    "body",
    [_slice_and_pad, _pick, _join, _reduce, _columns, _select, _flatten, _flatten_pixels],
)
def test_the_meaning_stays(body) -> None:
    def before(builder, x):
        return body(builder, _conv(builder, x))

    mod = module([tensor("x", 2, 3, 8, 8)], before)
    x = np.random.default_rng(1).standard_normal((2, 3, 8, 8)).astype(np.float32)
    after = _turned(mod)
    np.testing.assert_allclose(
        evaluate(after["main"], [x]), evaluate(mod["main"], [x]), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("seed", range(6))
def test_random_networks_mean_the_same(seed: int) -> None:
    model, x = random_cnn(seed)
    detected = detect(model, (x,))
    before = rewrite_layers(detected.layers)(detected.module)
    after = _turned(before)
    assert not any(
        str(b.value.attrs.data_layout) == "NCHW"
        for b in var_bindings(after["main"])
        if operator_name(b.value) == "relax.nn.conv2d"
    )
    expected, found = (evaluate(mod["main"], [x.numpy()]) for mod in (before, after))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
