"""Before and after: convolutions of signs read packed signs."""

import numpy as np
import tvm
from tvm import relax

from tests.building import module, tensor
from tvm_snn.ops import ConvGeometry, binary_conv2d, pack_signs
from tvm_snn.relay_passes.pack_activations import PackActivations


def _weight(outputs: int, channels: int) -> relax.Expr:
    generator = np.random.default_rng(outputs)
    return relax.const(generator.choice(np.array([-1, 1], np.int8), (outputs, channels, 3, 3)))


def _signs(builder, x):
    return builder.emit(relax.op.astype(builder.emit(relax.op.sign(x)), "int8"))


def _assert_packed(before, expected, channels: int) -> None:
    params = [tensor("x", 1, 8, 8, channels)]
    found = PackActivations()(module(params, before))
    tvm.ir.assert_structural_equal(found, module(params, expected))


def test_two_convolutions_share_the_packed_signs() -> None:
    attrs = ConvGeometry(data_layout="NHWC").attrs()
    weights = _weight(8, 70), _weight(9, 70)

    def before(builder, x):
        signs = _signs(builder, x)
        sums = [builder.emit(binary_conv2d(signs, w, **attrs, strategy="")) for w in weights]
        return builder.emit(relax.op.concat(sums, 3))

    def expected(builder, x):
        words = builder.emit(pack_signs(x, groups=1))
        sums = [builder.emit(binary_conv2d(words, w, **attrs, strategy="")) for w in weights]
        return builder.emit(relax.op.concat(sums, 3))

    _assert_packed(before, expected, 70)


def test_signs_that_come_otherwise_are_packed_from_bytes() -> None:
    attrs = ConvGeometry(groups=2, data_layout="NHWC").attrs()
    weight = _weight(8, 32)

    def pooled(builder, x):
        pool = relax.op.nn.max_pool2d(_signs(builder, x), (2, 2), (2, 2), layout="NHWC")
        return builder.emit(pool)

    def before(builder, x):
        return builder.emit(binary_conv2d(pooled(builder, x), weight, **attrs, strategy=""))

    def expected(builder, x):
        words = builder.emit(pack_signs(pooled(builder, x), groups=2))
        return builder.emit(binary_conv2d(words, weight, **attrs, strategy=""))

    _assert_packed(before, expected, 64)


def test_small_groups_and_channels_first_keep_bytes() -> None:
    for geometry, shape in [
        (ConvGeometry(groups=8, data_layout="NHWC"), (1, 8, 8, 32)),
        (ConvGeometry(groups=1), (1, 32, 8, 8)),
    ]:
        weight = _weight(8, 32 // geometry.groups)

        def body(builder, x, geometry=geometry, weight=weight):
            signs = _signs(builder, x)
            return builder.emit(binary_conv2d(signs, weight, **geometry.attrs(), strategy=""))

        untouched = module([tensor("x", *shape)], body)
        tvm.ir.assert_structural_equal(PackActivations()(untouched), untouched)
