"""The analytic cycle model says what the RTL's counter says."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.target.vta.layers import Layer, build
from tests.target.vta.streams import in_bands, kept_images, streams
from tvm_snn.errors import SnnError
from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.cycle_model import predicted_cycles
from tvm_snn.target.vta.isa.encoding import instruction
from tvm_snn.target.vta.isa.instruction_set import FINISH, GATHER, Plane
from tvm_snn.target.vta.simulator.rtl import MemoryModel

TOLERANCE = 0.05

FETCHED = 32
"""Cycles by which a program of a few hundred may differ: fetch and load share the bus."""


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_random_programs_take_the_cycles_that_were_predicted(rtl, data):
    program, dram = data.draw(st.one_of(streams(rtl.hardware), kept_images(rtl.hardware)))
    latency = data.draw(st.integers(1, 60))

    counted = rtl.simulate(program, dram, MemoryModel(latency)).cycles

    predicted = predicted_cycles(program, rtl.hardware, latency)
    assert abs(predicted - counted) <= max(TOLERANCE * counted, FETCHED)


@pytest.mark.slow
@pytest.mark.parametrize("latency", [10, 100])
def test_a_layer_of_resnet_20_takes_the_cycles_that_were_predicted(rtl, latency):
    rng = np.random.default_rng(0)
    layer = Layer(
        rng.integers(-128, 128, (32, 32, 16)).astype(np.int8),
        rng.permutation(512)[:16][None],
        rng.integers(0, 32, (16, 16)),
        tau=5,
        negation=True,
    )
    built = build(layer, rtl.hardware, plane=Plane.TRUNK)
    program = [*in_bands(built, 32, 16, rtl.hardware), instruction(FINISH)]

    counted = rtl.simulate(program, built.dram, MemoryModel(latency)).cycles

    predicted = predicted_cycles(program, rtl.hardware, latency)
    assert counted > 10_000
    assert abs(predicted - counted) <= TOLERANCE * counted


def test_engines_that_wait_for_each_other_are_an_error():
    program = [instruction(GATHER, groups=1, blocks=1, tiles=1, wait=1), instruction(FINISH)]

    with pytest.raises(SnnError, match="wait for each other"):
        predicted_cycles(program, load_configuration("tiny"))
