"""A small residual network in Relax, images first: what accelerators compute in fixed point."""

import numpy as np
import tvm
from tvm import relax

from tests.building import module, named, sub_bit_weight, tensor

IMAGE = (2, 3, 8, 8)


def residual_network(
    activation: str = "prelu", slope: float = 0.25, factor: float = 0.05
) -> tvm.IRModule:
    """Float stem; units of 16, 16 and, with stride 2, 32 channels; the mean of each channel.

    A unit is sign, sub-bit 3x3 convolution, factor and bias, shortcut, activation ("prelu", "clip"
    or "none"), bias. The last one's shortcut is average pooling and a float 1x1 convolution.
    """
    rng = np.random.default_rng(0)

    def floats(*shape: int) -> relax.Expr:
        return relax.const(rng.normal(size=shape).astype(np.float32))

    def activated(builder: relax.BlockBuilder, x: relax.Expr) -> relax.Expr:
        if activation == "clip":
            return builder.emit(relax.op.clip(x, -1.5, 1.5))
        if activation == "none":
            return x
        negative = builder.emit(relax.op.multiply(relax.const(np.float32(slope)), x))
        above = builder.emit(relax.op.greater(x, relax.const(np.float32(0))))
        return builder.emit(relax.op.where(above, x, negative))

    def unit(builder: relax.BlockBuilder, x: relax.Expr, number: int, stride: int) -> relax.Expr:
        channels = 16
        outputs = channels * stride
        scale = rng.uniform(0.5, 2, outputs).astype(np.float32) * factor
        weight = sub_bit_weight(outputs, channels, size=8, seed=number, scale=scale)
        shifted = builder.emit(relax.op.add(x, floats(1, channels, 1, 1)))
        signs = builder.emit(relax.op.sign(shifted))
        call = relax.op.nn.conv2d(
            signs, relax.const(weight), padding=(1, 1), strides=(stride, stride)
        )
        y = named(builder, f"unit{number}", call)
        y = builder.emit(relax.op.add(y, floats(1, outputs, 1, 1)))
        if stride == 2:
            x = builder.emit(relax.op.nn.avg_pool2d(x, (2, 2), (2, 2)))
            x = named(builder, "widen", relax.op.nn.conv2d(x, floats(outputs, channels, 1, 1)))
        y = builder.emit(relax.op.add(y, x))
        return builder.emit(relax.op.add(activated(builder, y), floats(1, outputs, 1, 1)))

    def body(builder: relax.BlockBuilder, image: relax.Expr) -> relax.Expr:
        x = named(builder, "stem", relax.op.nn.conv2d(image, floats(16, 3, 3, 3), padding=(1, 1)))
        for number, stride in enumerate((1, 1, 2)):
            x = unit(builder, x, number, stride)
        return builder.emit(relax.op.mean(x, [2, 3]))

    return module([tensor("image", *IMAGE)], body)
