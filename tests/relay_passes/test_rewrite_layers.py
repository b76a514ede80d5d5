"""Before and after: what a detected layer becomes."""

import numpy as np
import tvm
from tvm import relax

from tests.building import module, named, sub_bit_weight, tensor
from tvm_snn.ops import ConvGeometry, binary_conv2d, binary_dense, subset_conv2d
from tvm_snn.relay_passes.detect_layers import detect_layers
from tvm_snn.relay_passes.rewrite_layers import rewrite_layers

_SCALE = np.linspace(0.5, 2, 32).astype(np.float32)


def _rewrite(before: tvm.IRModule) -> tvm.IRModule:
    return rewrite_layers(detect_layers(before))(before)


def _assert_equal(found: tvm.IRModule, expected: tvm.IRModule) -> None:
    canonical = relax.transform.CanonicalizeBindings()
    tvm.ir.assert_structural_equal(canonical(found), canonical(expected))


def _subset(weight: np.ndarray) -> tuple[relax.Expr, relax.Expr]:
    """Kernels and indices of single 3x3 units, in the order of their codes."""
    kernels = np.sign(weight).reshape(-1, 9)
    codes = (kernels > 0) @ (1 << np.arange(9))
    distinct, indices = np.unique(codes, return_inverse=True)
    subset = np.where((distinct[:, None] >> np.arange(9)) & 1, 1, -1).astype(np.int8)
    indices = indices.reshape(weight.shape[:2]).astype(np.uint8)
    return relax.const(subset.reshape(-1, 1, 3, 3)), relax.const(indices)


def test_signs_become_int8_and_sums_are_scaled() -> None:
    weight = sub_bit_weight(32, 16, scale=_SCALE)

    def before(builder, x):
        signs = builder.emit(relax.op.sign(x))
        return named(
            builder, "conv", relax.op.nn.conv2d(signs, relax.const(weight), padding=(1, 1))
        )

    def expected(builder, x):
        signs = builder.emit(relax.op.astype(builder.emit(relax.op.sign(x)), "int8"))
        geometry = ConvGeometry(padding=(1, 1, 1, 1)).attrs()
        call = subset_conv2d(signs, *_subset(weight), **geometry, strategy="")
        sums = builder.emit(relax.op.astype(builder.emit(call), "float32"))
        return builder.emit(relax.op.multiply(sums, relax.const(_SCALE.reshape(1, 32, 1, 1))))

    params = [tensor("x", 1, 16, 8, 8)]
    _assert_equal(_rewrite(module(params, before)), module(params, expected))


def test_float_data_stay_float() -> None:
    weight = sub_bit_weight(32, 16, scale=_SCALE)

    def before(builder, x):
        return named(builder, "conv", relax.op.nn.conv2d(x, relax.const(weight), strides=(2, 2)))

    def expected(builder, x):
        geometry = ConvGeometry(strides=(2, 2)).attrs()
        sums = builder.emit(subset_conv2d(x, *_subset(weight), **geometry, strategy=""))
        return builder.emit(relax.op.multiply(sums, relax.const(_SCALE.reshape(1, 32, 1, 1))))

    params = [tensor("x", 1, 16, 8, 8)]
    _assert_equal(_rewrite(module(params, before)), module(params, expected))


def _levels(builder, x, steps: float = 2.0):
    clipped = builder.emit(relax.op.clip(x, 0.0, 3.0 / steps))
    return builder.emit(
        relax.op.round(builder.emit(relax.op.multiply(clipped, relax.const(np.float32(steps)))))
    )


def test_levels_become_small_integers_and_their_step_goes_into_the_scale() -> None:
    weight = sub_bit_weight(32, 16, scale=_SCALE)
    step = relax.const(np.float32(0.5))

    def before(builder, x):
        data = builder.emit(relax.op.multiply(_levels(builder, x), step))
        return named(builder, "conv", relax.op.nn.conv2d(data, relax.const(weight), padding=(1, 1)))

    def expected(builder, x):
        whole = builder.emit(relax.op.astype(_levels(builder, x), "uint8"))
        attrs = ConvGeometry(padding=(1, 1, 1, 1)).attrs() | {"top_level": 3}
        call = subset_conv2d(whole, *_subset(weight), **attrs, strategy="")
        sums = builder.emit(relax.op.astype(builder.emit(call), "float32"))
        return builder.emit(relax.op.multiply(sums, relax.const(_SCALE.reshape(1, 32, 1, 1) / 2)))

    params = [tensor("x", 1, 16, 8, 8)]
    _assert_equal(_rewrite(module(params, before)), module(params, expected))


def test_levels_behind_a_pool_are_divided_by_their_step_once_for_all_layers() -> None:
    weights = [sub_bit_weight(32, 16, seed=seed) for seed in (0, 1)]
    step = relax.const(np.float32(0.5))

    def pooled(builder, x):
        data = builder.emit(relax.op.multiply(_levels(builder, x), step))
        return builder.emit(relax.op.nn.max_pool2d(data, (2, 2), (2, 2)))

    def before(builder, x):
        data = pooled(builder, x)
        results = [
            named(builder, f"conv{i}", relax.op.nn.conv2d(data, relax.const(weight)))
            for i, weight in enumerate(weights)
        ]
        return builder.emit(relax.op.add(*results))

    def expected(builder, x):
        steps = builder.emit(relax.op.divide(pooled(builder, x), step))
        whole = builder.emit(relax.op.astype(builder.emit(relax.op.round(steps)), "uint8"))
        attrs = ConvGeometry().attrs() | {"top_level": 3}
        results = []
        for weight in weights:
            call = builder.emit(subset_conv2d(whole, *_subset(weight), **attrs, strategy=""))
            sums = builder.emit(relax.op.astype(call, "float32"))
            half = relax.const(np.full((1, 32, 1, 1), 0.5, np.float32))
            results.append(builder.emit(relax.op.multiply(sums, half)))
        return builder.emit(relax.op.add(*results))

    params = [tensor("x", 1, 16, 8, 8)]
    _assert_equal(_rewrite(module(params, before)), module(params, expected))


def test_binary_nhwc_layer_without_scale() -> None:
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (32, 64, 3, 3)).astype(np.float32)

    def before(builder, x):
        weight = relax.const(np.ascontiguousarray(signs.transpose(2, 3, 1, 0)))
        call = relax.op.nn.conv2d(x, weight, data_layout="NHWC", kernel_layout="HWIO")
        return named(builder, "conv", call)

    def expected(builder, x):
        geometry = ConvGeometry(data_layout="NHWC").attrs()
        weight = relax.const(signs.astype(np.int8))
        return builder.emit(binary_conv2d(x, weight, **geometry, strategy=""))

    params = [tensor("x", 1, 8, 8, 64)]
    _assert_equal(_rewrite(module(params, before)), module(params, expected))


def test_layers_that_read_the_same_signs_share_the_cast() -> None:
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (12, 7)).astype(np.float32)

    def before(builder, x):
        s = builder.emit(relax.op.sign(x))
        first = named(builder, "fc1", relax.op.matmul(s, relax.const(signs)))
        second = named(builder, "fc2", relax.op.matmul(s, relax.const(-signs)))
        return builder.emit(relax.op.add(first, second))

    def expected(builder, x):
        s = builder.emit(relax.op.astype(builder.emit(relax.op.sign(x)), "int8"))
        sums = []
        for weight in (signs, -signs):
            call = binary_dense(s, relax.const(weight.T.astype(np.int8)), strategy="")
            sums.append(builder.emit(relax.op.astype(builder.emit(call), "float32")))
        return builder.emit(relax.op.add(*sums))

    params = [tensor("x", 3, 12)]
    _assert_equal(_rewrite(module(params, before)), module(params, expected))


def test_dense_layers_are_left_alone() -> None:
    weight = np.random.default_rng(0).normal(size=(8, 16, 3, 3)).astype(np.float32)

    def before(builder, x):
        return named(builder, "stem", relax.op.nn.conv2d(x, relax.const(weight)))

    untouched = module([tensor("x", 1, 16, 8, 8)], before)
    _assert_equal(_rewrite(untouched), untouched)


def test_the_operator_keeps_the_layers_name() -> None:
    def before(builder, x):
        weight = relax.const(sub_bit_weight(32, 16))
        return named(builder, "layer1.0.conv1", relax.op.nn.conv2d(x, weight))

    rewritten = _rewrite(module([tensor("x", 1, 16, 8, 8)], before))
    names = [str(b.var.name) for block in rewritten["main"].body.blocks for b in block.bindings]
    assert "layer1.0.conv1" in names
