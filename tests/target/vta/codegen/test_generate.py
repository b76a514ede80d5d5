"""Generated programs compute what networks are, on accelerators of every shape."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from tests.target.vta.codegen.networks import (
    compute,
    configurations,
    fill,
    networks,
    resnet18_stack,
)
from tvm_snn.errors import TargetError
from tvm_snn.target.vta.codegen.generate import Program, generate
from tvm_snn.target.vta.codegen.layer import Layer
from tvm_snn.target.vta.configuration import Configuration, load_configuration
from tvm_snn.target.vta.isa.instruction_set import KEEP_VECTORS, Plane, Vector
from tvm_snn.target.vta.simulator.functional import simulate
from tvm_snn.target.vta.simulator.rtl import MemoryModel


def _generate(layers: list[Layer], hardware: Configuration) -> Program:
    """Return the program, or leave the example where a layer does not fit."""
    try:
        return generate(layers, hardware)
    except TargetError as error:
        if "does not fit" not in str(error):
            raise
        return reject()


def _check(program: Program, dram: np.ndarray, want: dict[str, dict[str, np.ndarray]]) -> None:
    for one in program.planned:
        name = one.layer.name
        if one.layer.plane is not Plane.NONE:
            assert np.array_equal(program.planes(dram, name), want[name]["planes"]), name
        if one.layer.vector is not Vector.NONE and not one.kept_result:
            assert np.array_equal(program.vectors(dram, name), want[name]["vectors"]), name


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_networks_are_exact_on_every_accelerator(data):
    hardware = data.draw(configurations())
    layers = data.draw(networks())
    program = _generate(layers, hardware)
    dram, put = fill(program, data.draw(st.integers(0, 1000)))
    want = compute(layers, put, hardware.activation_bits)

    simulate(program.instructions, dram, hardware)

    _check(program, dram, want)


@pytest.mark.slow
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_networks_are_exact_on_rtl(rtl, data):
    layers = data.draw(networks())
    program = generate(layers, rtl.hardware)
    dram, put = fill(program, data.draw(st.integers(0, 1000)))
    stalls = data.draw(st.sampled_from((0, 30, 80)))

    rtl.simulate(program.instructions, dram, MemoryModel(stall_percent=stalls))

    _check(program, dram, compute(layers, put, rtl.hardware.activation_bits))


def _chain(count: int, height: int = 6) -> list[Layer]:
    rng = np.random.default_rng(0)
    return [
        Layer(
            f"layer{number}",
            height,
            7,
            rng.integers(0, 8, (16, 16)),
            3,
            rng.permutation(512)[:8][None],
            vector=Vector.SIGN,
            image=f"layer{number - 1}" if number else "",
        )
        for number in range(count)
    ]


def test_more_bands_than_a_channel_has_tokens():
    """Each band's rows wait for other results of the layer before."""
    hardware = replace(load_configuration("tiny"), activation_lines=64)
    layers = _chain(2, height=96)

    program = generate(layers, hardware)

    assert len(program.planned[1].tiling.bands) > 15
    dram, put = fill(program, 0)
    simulate(program.instructions, dram, hardware)
    _check(program, dram, compute(layers, put, hardware.activation_bits))


def test_images_stay_on_chip_where_they_fit():
    program = generate(_chain(3), load_configuration("tiny"))

    assert [one.kept_result for one in program.planned] == [True, True, False]
    assert any(one.opcode is KEEP_VECTORS for one in program.instructions)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("paper-64pe", "single"), ("paper-64pe", "binary"), ("pynq-z2", "negation")],
)
def test_resnet18_fits(name, kind):
    program = generate(resnet18_stack(kind), load_configuration(name))

    loaded = {one.opcode.mnemonic for one in program.instructions}
    assert {"LDACT", "KEEP", "ALU", "STPLN"} <= loaded
    # From 28x28 pixels on, paper-64pe has room for two images.
    if name == "paper-64pe":
        assert all(one.kept_image for one in program.planned[6:])


def test_a_layer_that_cannot_be_cut_says_what_to_enlarge():
    layer = Layer(
        "wide",
        3,
        500,
        np.zeros((8, 64), int),
        3,
        np.arange(8)[None],
        plane=Plane.ACCUMULATOR,
    )

    with pytest.raises(TargetError, match=r"'wide' does not fit accelerator 'tiny'.*enlarge"):
        generate([layer], load_configuration("tiny"))


def test_what_an_accelerator_does_not_have_is_named():
    layer = resnet18_stack("binary")[0]

    with pytest.raises(TargetError, match=r"'conv0.0' does not fit.*9 bits of an index.*may be 6"):
        generate([layer], load_configuration("pynq-z2"))


def test_layers_that_do_not_belong_together_are_named():
    first, second = _chain(2)

    with pytest.raises(TargetError, match=r"'layer1'.*'layer0', which is no earlier layer"):
        generate([second], load_configuration("tiny"))
    with pytest.raises(TargetError, match=r"'layer0': every layer needs a name of its own"):
        generate([first, first], load_configuration("tiny"))
