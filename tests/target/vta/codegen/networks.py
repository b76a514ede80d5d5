"""Random networks and small accelerators for the code generator, and what networks compute."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.target.vta.layers import Layer as PlainLayer
from tests.target.vta.layers import expected
from tvm_snn.target.vta.codegen.generate import Program
from tvm_snn.target.vta.codegen.layer import OUTSIDE, Epilogue, Layer
from tvm_snn.target.vta.configuration import Configuration, load_configuration
from tvm_snn.target.vta.isa.encoding import instruction
from tvm_snn.target.vta.isa.instruction_set import ALU, Plane, Vector, Window
from tvm_snn.target.vta.packing import pack_parameters
from tvm_snn.target.vta.simulator.epilogue import Parameters, activations, finish, saturate

KINDS = ("single", "negation", "binary", "paired", "column")
FOLLOWING_KINDS = KINDS[:3]
"""Kinds whose channels lie as the layer before them makes them."""


def resnet18_stack(kind: str, size: int = 224) -> list[Layer]:
    """Return the sixteen 3x3 layers of ResNet-18, sign activations between them, tau = 5.

    `kind` is one of FOLLOWING_KINDS; images of size x size pixels.
    """
    return stack((4, 4, 4, 4), 64, size // 4, kind)


def stack(
    depths: Sequence[int], width: int, side: int, kind: str, tau: int = 5, trunk: bool = False
) -> list[Layer]:
    """Return the 3x3 layers of a residual network, as many in each stage as `depths` says.

    The first stage has images of side x side pixels and `width` channels; each one after it half
    as many rows and columns, twice as many channels. Signs travel between layers. With `trunk`,
    every layer adds the trunk of the one before it and stores its own; the first of a stage takes
    one from outside. `kind` is one of FOLLOWING_KINDS.
    """
    rng = np.random.default_rng(0)
    layers: list[Layer] = []
    tau = 9 if kind == "binary" else tau
    kernels = 1 << (tau - 1 if kind == "negation" else tau)
    channels = width
    for stage, depth in enumerate(depths):
        outputs = width << stage
        for number in range(depth):
            opens = number == 0
            last = (stage, number) == (len(depths) - 1, depth - 1)
            plane = Plane.ACCUMULATOR if last else Plane.NONE
            layers.append(
                Layer(
                    f"conv{stage}.{number}",
                    side,
                    side,
                    rng.integers(0, 1 << tau, (outputs, channels)),
                    tau,
                    None if kind == "binary" else rng.permutation(512)[:kernels][None],
                    stride=2 if opens and stage else 1,
                    binary=kind == "binary",
                    negation=kind == "negation",
                    epilogue=Epilogue(parameters={"threshold": rng.integers(-20, 20, outputs)}),
                    plane=Plane.TRUNK if trunk else plane,
                    vector=Vector.NONE if last else Vector.SIGN,
                    image=layers[-1].name if layers else OUTSIDE,
                    residual=(OUTSIDE if opens else layers[-1].name) if trunk else None,
                )
            )
            side, channels = layers[-1].out_height, outputs
    return layers


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    """Draw an accelerator with memories so small that most layers have to be cut."""
    channels = draw(st.sampled_from((8, 16)))
    pixels = draw(st.integers(1, 9))
    adders = draw(st.sampled_from((1, 2, 8)))
    return replace(
        load_configuration("tiny"),
        name="drawn",
        pixels=pixels,
        channels=channels,
        adders=adders,
        tree_sharing=draw(st.integers(1, pixels)),
        activation_bits=draw(st.sampled_from((2, 8))),
        activation_lines=draw(st.sampled_from((96, 200, 512))),
        subset_lines=draw(st.sampled_from((64, 256))),
        index_lines=draw(st.sampled_from((64, 160, 1024))),
        outputs=draw(st.sampled_from((32, 64))),
        residual_lines=draw(st.sampled_from((64, 256))),
        plane_lines=draw(st.sampled_from((64, 512))),
        vector_lines=draw(st.sampled_from((64, 512))),
        bus_bytes=draw(st.sampled_from((8, 16, 32))),
    )


@st.composite
def networks(draw: st.DrawFn) -> list[Layer]:
    """Draw up to four layers, each reading the one before it or an image from outside."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    layers: list[Layer] = []
    for number in range(draw(st.integers(1, 4))):
        follows = number > 0 and layers[-1].vector is not Vector.NONE and draw(st.booleans())
        layers.append(_layer(draw, rng, number, layers, follows))
    return layers


def _layer(
    draw: st.DrawFn,
    rng: np.random.Generator,
    number: int,
    before: list[Layer],
    follows: bool,
) -> Layer:
    kind = draw(st.sampled_from(FOLLOWING_KINDS if follows else KINDS))
    group = {"paired": 2, "column": 8}.get(kind, 1)
    margin = 1 if follows else draw(st.integers(0, 1))
    sides = 4 * [st.just(0) if kind == "column" else st.integers(margin, 2)]
    if follows:
        last = before[-1]
        height, width, units = last.out_height, last.out_width, last.outputs
    else:
        least = 1 if margin or kind == "column" else 3
        height, width = draw(st.integers(least, 9)), draw(st.integers(least, 9))
        units = draw(st.integers(1, 20))
    outputs = draw(st.integers(1, 36))
    tau = 9 if kind == "binary" else draw(st.integers(3, 4))
    kernels = 1 << (tau - 1 if kind == "negation" else tau)
    subset = None
    if kind != "binary":
        subset = np.stack([rng.permutation(512)[:kernels] for _ in range(2 if group == 2 else 1)])
    plain = Layer(
        f"layer{number}",
        height,
        width,
        rng.integers(0, 1 << tau, (outputs, units)),
        tau,
        subset,
        stride=draw(st.integers(1, 2)),
        padding=draw(st.tuples(*sides)),
        window=Window.COLUMN if kind == "column" else Window.SQUARE,
        binary=kind == "binary",
        negation=kind == "negation",
        plane=draw(st.sampled_from((Plane.ACCUMULATOR, Plane.TRUNK))),
        image=before[-1].name if follows else OUTSIDE,
    )
    vector = draw(st.sampled_from(Vector))
    plane = draw(st.sampled_from(Plane)) if vector is not Vector.NONE else plain.plane
    trunks = [
        one.name
        for one in before
        if one.plane is Plane.TRUNK and (one.outputs, one.count) == (outputs, plain.count)
    ]
    return replace(
        plain,
        plane=plane,
        vector=vector,
        exported=draw(st.booleans()),
        residual=draw(st.sampled_from((None, OUTSIDE, *trunks))),
        epilogue=_epilogue(draw, rng, outputs),
    )


def _epilogue(draw: st.DrawFn, rng: np.random.Generator, outputs: int) -> Epilogue:
    ends = np.sort(rng.integers(-200, 200, (2, outputs)), axis=0)
    return Epilogue(
        affine=draw(st.booleans()),
        shift=draw(st.integers(0, 8)),
        prelu=draw(st.booleans()),
        clip=draw(st.booleans()),
        requantize=draw(st.integers(0, 6)),
        parameters={
            "scale": rng.integers(-100, 100, outputs),
            "slope": rng.integers(-(1 << 15), 1 << 15, outputs),
            "bias": rng.integers(-1000, 1000, outputs),
            "threshold": rng.integers(-20, 20, outputs),
            "low": ends[0],
            "high": ends[1],
        },
    )


def fill(program: Program, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Put random images and residuals into DRAM; return it and them, by the layer's name."""
    rng = np.random.default_rng(seed)
    dram, given = program.dram(), {}
    low, high = (-1, 2) if program.hardware.activation_bits == 2 else (-128, 128)
    for one in program.planned:
        layer = one.layer
        if layer.image == OUTSIDE:
            shape = (layer.height, layer.width, layer.channels)
            given[layer.name] = rng.integers(low, high, shape).astype(np.int8)
            program.put_image(dram, layer.name, given[layer.name])
        if layer.residual == OUTSIDE:
            residual = rng.integers(-500, 500, (layer.outputs, layer.count)).astype(np.int16)
            given[f"{layer.name} residual"] = residual
            program.put_residual(dram, layer.name, residual)
    return dram, given


def compute(
    layers: list[Layer], given: dict[str, np.ndarray], activation_bits: int
) -> dict[str, dict[str, np.ndarray]]:
    """Return the planes and vectors of every layer, by plain convolution: (outputs, pixels)."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for layer in layers:
        image = given.get(layer.name)
        if image is None:
            flat = found[layer.image]["vectors"]
            image = flat.T.reshape(layer.height, layer.width, -1)
        subset = np.arange(512)[None] if layer.subset is None else layer.subset
        plain = PlainLayer(
            image,
            subset,
            layer.indices,
            layer.tau,
            layer.stride,
            layer.padding,
            layer.binary,
            layer.negation,
            layer.window,
        )
        sums = expected(plain).reshape(layer.outputs, -1)
        residual: np.ndarray = np.zeros((), np.int64)
        if layer.residual == OUTSIDE:
            residual = given[f"{layer.name} residual"].astype(np.int64)
        elif layer.residual is not None:
            residual = found[layer.residual]["planes"].astype(np.int64)
        found[layer.name] = _finish(layer, sums, residual, activation_bits)
    return found


def _finish(
    layer: Layer, sums: np.ndarray, residual: np.ndarray, bits: int
) -> dict[str, np.ndarray]:
    epilogue = layer.epilogue
    lines = pack_parameters(layer.outputs, **epilogue.parameters).reshape(layer.outputs, -1)
    parameters = Parameters.of(lines)
    fields: dict[str, Any] = {
        "affine": epilogue.affine,
        "shift": epilogue.shift,
        "residual": layer.residual is not None,
        "prelu": epilogue.prelu,
        "clip": epilogue.clip,
        "vector": layer.vector,
        "requantize": epilogue.requantize,
    }
    alu = instruction(ALU, tiles=1, groups=1, **fields)
    values = finish(sums, residual, parameters, alu)
    made = {"planes": saturate(values, 16 if layer.plane is Plane.TRUNK else 32)}
    if layer.vector is not Vector.NONE:
        made["vectors"] = activations(values, parameters, alu, bits)
    return made
