"""Before and after: the first part of a network, computed for a few images at a time."""

import numpy as np
import pytest
import tvm
from tvm import relax

from tests.building import module, named, tensor
from tvm_snn.relay_passes import slice_batch
from tvm_snn.relay_passes.inline_body import InlineBody, join_slices
from tvm_snn.relay_passes.layers import var_bindings
from tvm_snn.relay_passes.slice_batch import BODY, SliceBatch, plan_slices

_WEIGHT = np.random.default_rng(0).normal(size=(8, 8, 3, 3)).astype(np.float32)
_X = tensor("x", 4, 8, 16, 16)
_IMAGE_BYTES = 8 * 16 * 16 * 4


def _convolution(x: relax.Expr, weight: relax.Expr) -> relax.Expr:
    return relax.op.nn.conv2d(x, weight, padding=(1, 1))


def _pooled(x: relax.Expr) -> relax.Expr:
    return relax.op.nn.max_pool2d(x, (2, 2), (2, 2))


def _network(size: int = 4) -> tvm.IRModule:
    """Two convolutions of large images, pooling, and one of small images."""

    def body(builder, x, weight):
        first = named(builder, "a.conv", _convolution(x, weight))
        second = named(builder, "b.conv", _convolution(first, weight))
        total = named(builder, "sum", relax.op.add(second, first))
        pooled = named(builder, "pooled", _pooled(total))
        return named(builder, "c.conv", _convolution(pooled, weight))

    weight = tensor("weight", *_WEIGHT.shape)
    built = module([tensor("x", size, 8, 16, 16), weight], body)
    built["main"] = built["main"].with_attr("num_input", 1)
    return built


def _sliced(module_: tvm.IRModule) -> tvm.IRModule:
    return SliceBatch()(plan_slices(module_))


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> int:
    """A cache that holds two images."""
    monkeypatch.setattr(slice_batch, "WHOLE_BATCH_BYTES", 2 * _IMAGE_BYTES)
    return 2


def test_large_images_are_computed_for_slices_of_the_batch(cache: int) -> None:
    weight = tensor("weight", *_WEIGHT.shape)
    builder = relax.BlockBuilder()
    part = tensor("x", cache, 8, 16, 16)
    with builder.function(BODY, [part, weight], {"num_input": 1}, private=True):
        with builder.dataflow():
            first = named(builder, "a.conv", _convolution(part, weight))
            second = named(builder, "b.conv", _convolution(first, weight))
            total = named(builder, "sum", relax.op.add(second, first))
            pooled = named(builder, "pooled", _pooled(total))
            output = builder.emit_output(relax.Tuple([pooled]))
        function = builder.emit_func_output(output)
    x, weight = _X, tensor("weight", *_WEIGHT.shape)
    with builder.function("main", [x, weight], {"num_input": 1, "slices": [3, 2]}):
        with builder.dataflow():
            parts = []
            for start in (0, 2):
                images = builder.emit(relax.op.strided_slice(x, [0], [start], [start + 2]))
                parts.append(builder.emit(relax.Call(function, [images, weight])))
            fields = [relax.TupleGetItem(part, 0) for part in parts]
            pooled = named(builder, "pooled", relax.op.concat(fields, 0))
            last = named(builder, "c.conv", _convolution(pooled, weight))
            output = builder.emit_output(last)
        builder.emit_func_output(output)
    tvm.ir.assert_structural_equal(_sliced(_network()), builder.get())


def test_slices_are_repeated_in_main_and_what_depends_on_weights_is_not() -> None:
    builder = relax.BlockBuilder()
    part, weight = tensor("x", 2, 8, 16, 16), tensor("weight", *_WEIGHT.shape)
    with builder.function(BODY, [part, weight], {"num_input": 1}, private=True):
        with builder.dataflow():
            prepared = named(builder, "prepared", relax.op.abs(weight))
            conv = named(builder, "a.conv", _convolution(part, prepared))
            output = builder.emit_output(relax.Tuple([conv]))
        function = builder.emit_func_output(output)
    parts = [tensor("x0", 2, 8, 16, 16), tensor("x1", 2, 8, 16, 16)]
    weight = tensor("weight", *_WEIGHT.shape)
    with builder.function("main", [*parts, weight], {"num_input": 2}):
        with builder.dataflow():
            calls = [builder.emit(relax.Call(function, [part, weight])) for part in parts]
            fields = [relax.TupleGetItem(call, 0) for call in calls]
            output = builder.emit_output(relax.op.concat(fields, 0))
        builder.emit_func_output(output)

    def expected(builder, first, second, weight):
        prepared = named(builder, "prepared", relax.op.abs(weight))
        slices = [
            named(builder, f"a.conv@{number}", _convolution(part, prepared))
            for number, part in enumerate((first, second))
        ]
        return relax.op.concat(slices, 0)

    wanted = module([*parts, weight], expected)
    wanted["main"] = wanted["main"].with_attr("num_input", 2)
    inlined = InlineBody()(builder.get())
    tvm.ir.assert_structural_equal(inlined, wanted)
    found = {str(binding.var.name) for binding in var_bindings(inlined["main"])}
    assert {"prepared", "a.conv@0", "a.conv@1"} <= found


def test_small_batches_and_single_images_stay_whole(cache: int) -> None:
    for size in (1, cache):
        before = _network(size)
        tvm.ir.assert_structural_equal(_sliced(before), before)


def test_the_body_ends_before_images_are_mixed(cache: int) -> None:
    del cache

    def body(builder, x, weight):
        first = named(builder, "a.conv", _convolution(x, weight))
        second = named(builder, "b.conv", _convolution(first, weight))
        mixed = named(builder, "mixed", relax.op.reshape(second, (8, 4, 16, 16)))
        whole = named(builder, "whole", relax.op.exp(mixed))
        return named(builder, "d.conv", relax.op.nn.conv2d(whole, relax.const(_WEIGHT[:, :4])))

    before = module([_X, tensor("weight", *_WEIGHT.shape)], body)
    before["main"] = before["main"].with_attr("num_input", 1)
    function = _sliced(before)[BODY]
    computed = [str(binding.var.name) for binding in var_bindings(function)][:-1]
    assert computed == ["a.conv", "b.conv"]


def test_joined_slices_are_in_order_and_other_tensors_stay() -> None:
    slices = {f"x@{number}": [np.full((1, 2), number)] for number in reversed(range(11))}
    other = np.zeros(3)
    joined = join_slices({"y": [other], **slices})
    assert np.array_equal(joined["x"][0][:, 0], np.arange(11))
    assert joined["y"][0] is other
