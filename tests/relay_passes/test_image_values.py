"""Operators that keep the images of a batch apart, and those that mix them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tvm import relax

from tests.building import module, tensor
from tvm_snn.reference import evaluate
from tvm_snn.relay_passes.image_values import image_values
from tvm_snn.relay_passes.layers import var_bindings

_BATCH = 4
_X = tensor("x", _BATCH, 4, 4, 4)
_OPERATORS = {
    "add a constant": lambda x: relax.op.add(x, _constant(1, 4, 1, 1)),
    "add one of few axes": lambda x: relax.op.add(x, _constant(4, 1)),
    "add another image to each": lambda x: relax.op.add(x, _constant(_BATCH, 4, 4, 4)),
    "concat channels": lambda x: relax.op.concat([x, x], 1),
    "concat images": lambda x: relax.op.concat([x, x], 0),
    "convolution": lambda x: relax.op.nn.conv2d(x, _constant(4, 4, 3, 3), padding=(1, 1)),
    "images for weights": lambda x: relax.op.nn.conv2d(_constant(1, 4, 4, 4), x),
    "matmul": lambda x: relax.op.matmul(x, _constant(4, 4)),
    "matmul with a batch": lambda x: relax.op.matmul(x, _constant(_BATCH, 1, 4, 4)),
    "mean of an image": lambda x: relax.op.mean(x, [1, -1], keepdims=True),
    "mean of a batch": lambda x: relax.op.mean(x, [0], keepdims=True),
    "mean of all": lambda x: relax.op.mean(x),
    "mix channels and images": lambda x: relax.op.permute_dims(x, (1, 0, 2, 3)),
    "pick channels": lambda x: relax.op.take(x, relax.const([2, 0]), 1, mode="clip"),
    "pick images": lambda x: relax.op.take(x, relax.const([2, 0]), 0, mode="clip"),
    "pool": lambda x: relax.op.nn.max_pool2d(x, (2, 2), (2, 2)),
    "reshape an image": lambda x: relax.op.reshape(x, (_BATCH, 64)),
    "reshape a batch": lambda x: relax.op.reshape(x, (2, 128)),
    "slice channels": lambda x: relax.op.strided_slice(x, [1], [1], [3]),
    "slice images": lambda x: relax.op.strided_slice(x, [0], [1], [3]),
    "softmax of channels": lambda x: relax.op.nn.softmax(x, 1),
    "softmax of images": lambda x: relax.op.nn.softmax(x, 0),
    "turn an image": lambda x: relax.op.permute_dims(x, (0, 2, 3, 1)),
    "unknown": lambda x: relax.op.flip(x, 0),
}
_APART = {
    "add a constant",
    "add one of few axes",
    "concat channels",
    "convolution",
    "matmul",
    "mean of an image",
    "pick channels",
    "pool",
    "reshape an image",
    "slice channels",
    "softmax of channels",
    "turn an image",
}


def _constant(*shape: int) -> relax.Expr:
    return relax.const(np.random.default_rng(0).normal(size=shape).astype(np.float32))


@pytest.mark.parametrize("name", _OPERATORS)
def test_an_operator_keeps_images_apart_or_mixes_them(name: str) -> None:
    main = module([_X], lambda builder, x: builder.emit(_OPERATORS[name](x)))["main"]
    batch, apart = image_values(main)
    first, *_ = var_bindings(main)
    assert batch == _BATCH
    assert apart[first.var] == (name in _APART)


def test_what_depends_on_mixed_images_is_mixed_and_what_depends_on_none_is_neither() -> None:
    def body(builder, x, offset):
        mixed = builder.emit(relax.op.nn.softmax(x, 0))
        shared = builder.emit(relax.op.exp(offset))
        return builder.emit(relax.op.add(mixed, shared))

    main = module([_X, tensor("offset", 1, 4, 1, 1)], body)["main"]
    mixed, shared, total, *_ = [binding.var for binding in var_bindings(main)]
    _, apart = image_values(main)
    assert (apart[mixed], apart[total]) == (False, False)
    assert shared not in apart


def test_networks_without_inputs_or_batch_have_no_images() -> None:
    scalar = module([tensor("x")], lambda builder, x: builder.emit(relax.op.exp(x)))
    assert image_values(scalar["main"])[0] == 0
    constant = module([], lambda builder: builder.emit(relax.op.exp(_constant(2))))
    assert image_values(constant["main"]) == (0, {})


@given(st.lists(st.sampled_from(sorted(_OPERATORS)), min_size=1, max_size=4), st.integers(0, 99))
def test_values_kept_apart_change_only_with_their_image(names: list[str], seed: int) -> None:
    def body(builder, x):
        for name in names:
            if len(x.ty.shape) != 4 or [int(size) for size in x.ty.shape] != [_BATCH, 4, 4, 4]:
                break
            x = builder.emit(_OPERATORS[name](x))
        return x

    main = module([_X], body)["main"]
    _, apart = image_values(main)
    data = np.random.default_rng(seed).normal(size=(_BATCH, 4, 4, 4)).astype(np.float32)
    changed = data.copy()
    changed[1] += 1
    first, second = {}, {}
    evaluate(main, [data], observe=lambda var, value: first.__setitem__(var, value))
    evaluate(main, [changed], observe=lambda var, value: second.__setitem__(var, value))
    for var, value in first.items():
        if apart[var]:
            assert np.array_equal(np.delete(value, 1, 0), np.delete(second[var], 1, 0))
