"""A small network of every kind of layer, compiled once for all tests that need one."""

import functools

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax

import tvm_snn
from tests.building import module, named, sub_bit_weight, tensor


def small_module() -> tvm.IRModule:
    """Two outputs: logits (2, 10), and the features (2, 16, 4, 4) they are made from."""
    generator = np.random.default_rng(0)

    def floats(*shape: int) -> relax.Expr:
        return relax.const(generator.normal(size=shape).astype(np.float32))

    scale = np.linspace(-1, 2, 16).astype(np.float32)
    signs = generator.choice([-1.0, 1.0], (16, 16, 3, 3)).astype(np.float32)

    def body(builder, image, offset):
        conv = relax.op.nn.conv2d
        x = named(builder, "stem", conv(image, floats(16, 3, 3, 3), padding=(1, 1)))
        x = builder.emit(relax.op.add(x, offset))
        s = builder.emit(relax.op.sign(x))
        weight = relax.const(sub_bit_weight(16, 16, size=8, scale=scale))
        y = named(builder, "layer1.conv", conv(s, weight, padding=(1, 1)))
        x = builder.emit(relax.op.add(builder.emit(relax.op.add(y, floats(1, 16, 1, 1))), x))
        weight = relax.const(sub_bit_weight(16, 16, size=16, seed=1))
        x = named(builder, "layer2.conv", conv(x, weight, padding=(1, 1), strides=(2, 2)))
        s = builder.emit(relax.op.sign(x))
        x = named(builder, "layer3.conv", conv(s, relax.const(signs), padding=(1, 1)))
        pooled = builder.emit(relax.op.mean(x, [2, 3]))
        logits = named(builder, "fc", relax.op.matmul(pooled, floats(16, 10)))
        return relax.Tuple([logits, x])

    return module([tensor("image", 2, 3, 8, 8), tensor("offset", 1, 16, 1, 1)], body)


@functools.cache
def small_network() -> tvm_snn.Network:
    """The network of :func:`small_module`, compiled for this machine."""
    return tvm_snn.compile(small_module())


def small_inputs(seed: int = 0) -> tuple[NDArray, NDArray]:
    """Inputs for :func:`small_network`."""
    generator = np.random.default_rng(seed)
    shapes = (2, 3, 8, 8), (1, 16, 1, 1)
    first, second = (generator.normal(size=shape).astype(np.float32) for shape in shapes)
    return first, second
