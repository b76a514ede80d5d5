"""What goes to the accelerator, what stays on the processor, and why."""

import numpy as np
import pytest
import tvm
from tvm import relax

from tests.building import module, named, sub_bit_weight, tensor
from tvm_snn.ops import binary_conv2d, subset_conv2d
from tvm_snn.relay_passes.lift_weights import lift_weights
from tvm_snn.relay_passes.outline_regions import outline_regions
from tvm_snn.relay_passes.partition import partition
from tvm_snn.relay_passes.trace_kernels import ACCELERATE
from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.isa.instruction_set import Plane, Vector

TINY = load_configuration("tiny")


def _conv(image, channels=8, outputs=8, *, unit=1, area=(3, 3), size=8, **attrs):
    generator = np.random.default_rng(0)
    subset = generator.choice(np.array([-1, 1], np.int8), (size, unit, *area))
    indices = generator.integers(0, size, (outputs, channels // unit)).astype(np.uint8)
    padding = [1, 1, 1, 1] if area == (3, 3) else [0, 0, 0, 0]
    given = {"strides": [1, 1], "padding": padding, "dilation": [1, 1], "groups": 1}
    given |= {"data_layout": "NHWC", "strategy": "accelerator"} | attrs
    return subset_conv2d(image, relax.const(subset), relax.const(indices), **given)


def _signs(builder, sums, bias=0.5, *more):
    x = builder.emit(relax.op.astype(sums, "float32"))
    x = builder.emit(relax.op.add(x, relax.const(np.full((1, 1, 1, 8), bias, np.float32))))
    for extra in more:
        x = builder.emit(relax.op.add(x, extra))
    return x, named(builder, "signs", relax.op.astype(builder.emit(relax.op.sign(x)), "int8"))


IMAGE = tensor("image", 1, 6, 6, 8, dtype="int8")


def _chain(builder, image):
    first = named(builder, "first", _conv(image))
    _, signs = _signs(builder, first)
    return named(builder, "second", _conv(signs))


def _divide(body, *params):
    return partition(module([IMAGE, *params], body), TINY)


def test_signs_stay_on_the_accelerator():
    found = _divide(_chain)

    (region,) = found.regions
    assert [layer.name for layer in region.layers] == ["first", "second"]
    assert [layer.image for layer in region.layers] == ["", "first"]
    assert [layer.vector for layer in region.layers] == [Vector.SIGN, Vector.NONE]
    assert region.layers[1].plane is Plane.ACCUMULATOR
    assert [(one.tensor, one.form) for one in region.inputs] == [("image", "image")]
    assert [result.tensor for result in region.results] == ["second"]
    assert found.reasons["first"] == "on accelerator, its signs by exact thresholds, too"


def test_a_region_becomes_one_call():
    before = module([IMAGE], _chain)
    lifted = lift_weights(before).module

    after = outline_regions(partition(before, TINY).regions)(lifted)["main"]

    def expected(builder, image):
        call = relax.op.call_dps_packed(
            ACCELERATE,
            relax.Tuple([tvm.tirx.IntImm("int64", 0), image]),
            out_ty=relax.TensorType((1, 6, 6, 8), "int32"),
        )
        return named(builder, "second", call)

    wanted = module([IMAGE], expected)["main"].with_attr("num_input", 1)
    tvm.ir.assert_structural_equal(after, wanted, map_free_vars=True)


def test_signs_that_the_processor_reads_too_are_a_result():
    def body(builder, image):
        first = named(builder, "first", _conv(image))
        _, signs = _signs(builder, first)
        second = named(builder, "second", _conv(signs))
        return relax.Tuple([second, builder.emit(relax.op.abs(signs))])

    found = _divide(body)

    (region,) = found.regions
    assert [(one.tensor, one.form) for one in region.results] == [
        ("signs", "activations"),
        ("second", "accumulator"),
    ]
    main = outline_regions(found.regions)(lift_weights(module([IMAGE], body)).module)["main"]
    assert str(main).count(ACCELERATE) == 1


def test_sums_go_back_where_their_floats_are_read():
    def body(builder, image):
        first = named(builder, "first", _conv(image))
        floats, signs = _signs(builder, first)
        second = named(builder, "second", _conv(signs))
        return relax.Tuple([second, floats])

    found = _divide(body)

    assert [len(region.layers) for region in found.regions] == [1, 1]
    assert found.reasons["first"].endswith("because its results are also used as floats")


def test_sums_go_back_where_a_residual_is_added():
    shortcut = tensor("shortcut", 1, 6, 6, 8)

    def body(builder, image, added):
        first = named(builder, "first", _conv(image))
        _, signs = _signs(builder, first, 0.5, added)
        return named(builder, "second", _conv(signs))

    assert [len(region.layers) for region in _divide(body, shortcut).regions] == [1, 1]


def test_two_readers_of_the_same_signs_are_one_region():
    def body(builder, image):
        first = named(builder, "first", _conv(image))
        _, signs = _signs(builder, first)
        second = named(builder, "second", _conv(signs))
        third = named(builder, "third", _conv(signs, strides=[2, 2]))
        return relax.Tuple([second, third])

    (region,) = _divide(body).regions
    assert [layer.image for layer in region.layers] == ["", "first", "first"]


@pytest.mark.parametrize(
    ("attrs", "reason"),
    [
        ({"dilation": [2, 2], "padding": [2, 2, 2, 2]}, r"its dilation is \(2, 2\)"),
        ({"strides": [2, 1]}, r"its strides are \(2, 1\)"),
        ({"channels": 4, "groups": 2}, "it has 2 groups"),
        ({"outputs": 64, "size": 128}, "128 kernels of a subset .*of which there may be 64"),
        ({"unit": 4, "size": 16}, "its units are 4 channels x 3x3"),
    ],
)
def test_what_stays_on_the_processor_has_a_reason(attrs, reason):
    def body(builder, image):
        return named(builder, "layer", _conv(image, **attrs))

    found = _divide(body)

    assert found.regions == ()
    with pytest.raises(AssertionError, match=f"on CPU: because .*{reason}"):
        raise AssertionError(found.reasons["layer"])


@pytest.mark.parametrize(
    ("name", "top", "fits"),
    [("tiny", 127, True), ("tiny", 255, False), ("paper-64pe", 1, True), ("paper-64pe", 3, False)],
)
def test_levels_have_to_fit_the_accelerators_numbers(name, top, fits):
    def body(builder, image):
        return named(builder, "layer", _conv(image, top_level=top))

    network = module([tensor("image", 1, 6, 6, 8, dtype="uint8")], body)
    found = partition(network, load_configuration(name))

    assert (found.layers == {"layer"}) == fits
    assert fits or found.reasons["layer"].startswith(
        f"on CPU: because its activations are levels up to {top}; the accelerator's go up to"
    )


def test_floats_stay_on_the_processor():
    def body(builder, image):
        return named(builder, "layer", _conv(image))

    found = partition(module([tensor("image", 1, 6, 6, 8)], body), TINY)

    assert found.reasons["layer"].startswith("on CPU: because its activations are floats (W1A32)")


def test_the_processor_makes_levels_of_sums():
    def body(builder, image):
        first = named(builder, "first", _conv(image))
        floats = builder.emit(relax.op.astype(first, "float32"))
        levels = builder.emit(relax.op.astype(builder.emit(relax.op.clip(floats, 0, 1)), "uint8"))
        return named(builder, "second", _conv(levels, top_level=1))

    found = _divide(body)

    assert [len(region.layers) for region in found.regions] == [1, 1]
    assert found.reasons["first"] == "on accelerator; its sums go to the CPU"


def test_binary_layers_need_whole_kernels_on_chip():
    weight = relax.const(np.ones((8, 8, 3, 3), np.int8))

    def body(builder, image):
        attrs = {"strides": [1, 1], "padding": [1] * 4, "dilation": [1, 1], "groups": 1}
        call = binary_conv2d(image, weight, **attrs, data_layout="NHWC", strategy="")
        return named(builder, "layer", call)

    network = module([IMAGE], body)
    assert partition(network, TINY).layers == {"layer"}
    reason = partition(network, load_configuration("pynq-z2")).reasons["layer"]
    assert reason.startswith("on CPU: because")
    assert "9 bits of an index" in reason


def test_half_of_a_subset_closed_under_negation_is_computed():
    kernels = sub_bit_weight(8, 1, size=8)[:8]
    weight = np.concatenate([kernels, -kernels])[np.arange(128).reshape(16, 8) % 16, 0]
    signs = np.sign(weight).astype(np.int8).reshape(16, 8, 3, 3)
    kernels, place = np.unique(signs.reshape(-1, 9), axis=0, return_inverse=True)
    subset = relax.const(kernels.reshape(-1, 1, 3, 3))
    indices = relax.const(place.reshape(16, 8).astype(np.uint8))

    def body(builder, image):
        attrs = {"strides": [1, 1], "padding": [1] * 4, "dilation": [1, 1], "groups": 1}
        call = subset_conv2d(image, subset, indices, **attrs, data_layout="NHWC", strategy="")
        return named(builder, "layer", call)

    (region,) = partition(module([IMAGE], body), TINY).regions
    (layer,) = region.layers
    assert (layer.negation, layer.kernels, layer.tau) == (True, 8, 4)
    codes = layer.subset[0][layer.indices & 7]
    found = ((codes[..., None] >> np.arange(9)) & 1) * 2 - 1
    found = np.where((layer.indices >> 3)[..., None] == 1, -found, found)
    assert np.array_equal(found.reshape(signs.shape), signs)
