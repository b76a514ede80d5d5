import numpy as np
import pytest
from tvm import relax

from tests.building import module, named, sub_bit_weight, tensor
from tvm_snn.relay_passes.detect_layers import BINARY, DENSE, SUB_BIT, Layer, detect_layers


def _conv(weight: np.ndarray, data: tuple[int, ...] = (1, 16, 8, 8), sign=True, **attrs) -> Layer:
    def body(builder, x):
        if sign:
            x = builder.emit(relax.op.sign(x))
        return named(builder, "net.conv", relax.op.nn.conv2d(x, relax.const(weight), **attrs))

    (layer,) = detect_layers(module([tensor("x", *data)], body))
    return layer


@pytest.mark.parametrize(
    "attrs",
    [
        {},
        {"strides": (2, 1)},
        {"padding": (1, 0, 2, 3)},
        {"dilation": (2, 2)},
        {"strides": (2, 2), "padding": (1, 1), "dilation": (1, 2)},
    ],
)
def test_any_geometry_is_detected(attrs) -> None:
    layer = _conv(sub_bit_weight(32, 16, size=8), **attrs)
    assert (layer.verdict, layer.activation, layer.tau) == (SUB_BIT, "W1A1", 3)
    assert layer.reason == "512 units of 3x3 use 8 distinct kernels"


def test_groups_are_detected() -> None:
    layer = _conv(sub_bit_weight(64, 8, size=16), groups=2)
    assert (layer.verdict, layer.subset.size, layer.geometry.groups) == (SUB_BIT, 16, 2)
    assert layer.subset.indices.shape == (64, 8)


def test_nhwc_with_its_kernel_layouts() -> None:
    weight = sub_bit_weight(32, 16, size=8)
    for layout in ("HWIO", "OHWI", "OIHW"):
        stored = weight.transpose(["OIHW".index(axis) for axis in layout])
        layer = _conv(
            np.ascontiguousarray(stored),
            (1, 8, 8, 16),
            data_layout="NHWC",
            kernel_layout=layout,
        )
        assert (layer.verdict, layer.subset.size) == (SUB_BIT, 8)
        assert layer.geometry.data_layout == "NHWC"


def test_paired_units_and_1x1_units_of_eight() -> None:
    paired = _conv(sub_bit_weight(64, 16, unit=2, size=64))
    assert (paired.subset.unit, paired.tau) == (2, 6)
    pointwise = _conv(sub_bit_weight(64, 64, unit=8, size=32, area=(1, 1)), (1, 64, 8, 8))
    assert (pointwise.subset.unit, pointwise.tau) == (8, 5)
    assert pointwise.reason == "512 units of 8 channels x 1x1 use 32 distinct kernels"


def test_float_data_make_w1a32() -> None:
    assert _conv(sub_bit_weight(32, 16), sign=False).activation == "W1A32"


def test_scale_has_the_sign_that_flipped_channels_need() -> None:
    scale = np.linspace(0.5, 2, 32).astype(np.float32) * np.where(np.arange(32) % 3, 1, -1)
    weight = sub_bit_weight(32, 16, size=8, scale=scale)
    layer = _conv(weight)
    assert layer.subset.size == 8
    rebuilt = layer.subset.kernels[layer.subset.indices].reshape(weight.shape)
    np.testing.assert_array_equal(rebuilt * layer.scale[:, None, None, None], weight)


def test_a_binary_layer_says_how_many_kernels_it_has() -> None:
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (64, 64, 3, 3)).astype(np.float32)
    layer = _conv(signs, (1, 64, 8, 8))
    assert layer.verdict == BINARY
    assert "4,096 units of 9 bits use 512 distinct kernels" in layer.reason


def test_a_dense_layer_names_its_worst_weight() -> None:
    weight = sub_bit_weight(32, 16)
    weight[5, 3, 0, 0] *= 1.13
    layer = _conv(weight)
    assert layer.verdict == DENSE
    assert layer.reason == "1 of 512 kernels are not +-1: largest deviation 0.13 at o=5, c=3"


def test_dense_layers_in_units_of_eight() -> None:
    matrix = sub_bit_weight(64, 128, unit=8, size=32, area=(1, 1))[:, :, 0, 0].T

    def body(builder, x):
        signs = builder.emit(relax.op.sign(x))
        return named(
            builder, "fc", relax.op.matmul(signs, relax.const(np.ascontiguousarray(matrix)))
        )

    (layer,) = detect_layers(module([tensor("x", 2, 128)], body))
    assert (layer.name, layer.operator, layer.verdict) == ("fc", "dense", SUB_BIT)
    assert (layer.subset.unit, layer.tau, layer.activation) == (8, 5, "W1A1")
    assert layer.weight_shape == (64, 128)


def test_a_product_of_computed_tensors_is_no_layer() -> None:
    def body(builder, x, y):
        return builder.emit(relax.op.matmul(x, y))

    assert detect_layers(module([tensor("x", 4, 4), tensor("y", 4, 4)], body)) == []


def test_what_has_no_binary_form_says_so() -> None:
    def transposed(builder, x):
        weight = relax.const(np.ones((8, 4, 3, 3), np.float32))
        return named(builder, "up", relax.op.nn.conv2d_transpose(x, weight))

    (layer,) = detect_layers(module([tensor("x", 1, 8, 5, 5)], transposed))
    assert (layer.verdict, layer.name) == (DENSE, "up")
    assert "conv2d_transpose has no binary form" in layer.reason

    def computed(builder, x, w):
        return named(builder, "dynamic", relax.op.nn.conv2d(x, w))

    params = [tensor("x", 1, 8, 5, 5), tensor("w", 4, 8, 3, 3)]
    (layer,) = detect_layers(module(params, computed))
    assert "computed from the network's input" in layer.reason


@pytest.mark.parametrize(("channels", "activation"), [(16, "W1A8"), (7312, "W1A32")])
def test_levels_are_detected_where_their_sums_are_exact_in_float32(channels, activation) -> None:
    weight = np.random.default_rng(0).choice([-1.0, 1.0], (2, channels, 3, 3)).astype(np.float32)

    def body(builder, x):
        data = builder.emit(relax.op.round(builder.emit(relax.op.clip(x, 0.0, 255.0))))
        return named(builder, "net.conv", relax.op.nn.conv2d(data, relax.const(weight)))

    (layer,) = detect_layers(module([tensor("x", 1, channels, 4, 4)], body))
    assert layer.activation == activation
    assert (layer.levels is None) == (activation == "W1A32")
