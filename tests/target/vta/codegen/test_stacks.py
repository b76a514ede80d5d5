"""Programs of deep stacks come to their end, however much of them fits on chip."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from tests.target.vta.codegen.networks import FOLLOWING_KINDS, compute, fill, stack
from tvm_snn.errors import TargetError
from tvm_snn.target.vta.codegen.deadlock import check_progress
from tvm_snn.target.vta.codegen.generate import generate
from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.simulator.functional import simulate

TINY, PAPER = load_configuration("tiny"), load_configuration("paper-64pe")

SIXTEEN_LAYERS = replace(TINY, subset_lines=128, index_lines=128)
"""Memories with room for the weights of sixteen layers of 8 channels, tau = 3.

A layer's weights then wait for those of sixteen layers before: tokens of so many layers lie in a
channel when one has to stand for several.
"""


def test_weights_that_wait_for_many_layers_with_a_trunk():
    layers = stack((40,), 8, 12, "single", tau=3, trunk=True)

    program = generate(layers, SIXTEEN_LAYERS)

    dram, put = fill(program, 0)
    simulate(program.instructions, dram, SIXTEEN_LAYERS)
    name = layers[-1].name
    want = compute(layers, put, SIXTEEN_LAYERS.activation_bits)[name]["planes"]
    assert (program.planes(dram, name) == want).all()


@pytest.mark.slow
def test_resnet34_with_its_trunk():
    program = generate(stack((6, 8, 12, 6), 64, 56, "negation", trunk=True), PAPER)

    check_progress(program.instructions, PAPER)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_stacks_end(data):
    hardware = data.draw(st.sampled_from((TINY, PAPER)))
    lines = st.sampled_from((64, 128, 256))
    hardware = replace(
        hardware,
        subset_lines=data.draw(lines),
        index_lines=data.draw(st.sampled_from((128, 256, 1024))),
        residual_lines=data.draw(st.sampled_from((64, 256))),
    )
    depths = data.draw(st.lists(st.integers(1, 20), min_size=1, max_size=3))
    width = data.draw(st.sampled_from((8, 16)))
    kind = data.draw(st.sampled_from(FOLLOWING_KINDS))
    layers = stack(
        depths,
        width,
        data.draw(st.integers(1, 14)),
        kind,
        data.draw(st.integers(3, 5)),
        trunk=data.draw(st.booleans()),
    )

    try:
        program = generate(layers, hardware)
    except TargetError:
        reject()

    check_progress(program.instructions, hardware)
