"""The functional simulator computes what convolutions are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.target.vta.layers import build, expected
from tests.target.vta.strategies import layers
from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.isa.encoding import instruction
from tvm_snn.target.vta.isa.instruction_set import (
    BINARY_CONV,
    FINISH,
    GATHER,
    LOAD,
    STORE_PLANES,
    Memory,
    Plane,
)
from tvm_snn.target.vta.simulator.functional import simulate
from tvm_snn.target.vta.simulator.trap import Trap, TrapError

CONFIGURATIONS = ("tiny", "paper-64pe")


@pytest.mark.parametrize("name", CONFIGURATIONS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_kind_of_layer_is_exact(name, data):
    hardware = load_configuration(name)
    layer = data.draw(layers(hardware))
    built = build(layer, hardware)

    simulate(built.program, built.dram, hardware)

    found = built.results(Plane.ACCUMULATOR, hardware)
    want = expected(layer)
    assert np.array_equal(found[: len(want)], want.reshape(len(want), -1))


def test_engines_that_wait_for_each_other_are_a_deadlock():
    hardware = load_configuration("tiny")
    program = [
        instruction(GATHER, groups=1, blocks=1, tiles=1, wait=1),
        instruction(STORE_PLANES, plane=1, count=1, wait=1),
        instruction(FINISH),
    ]

    with pytest.raises(TrapError, match="gather, store") as caught:
        simulate(program, np.zeros(64, np.uint8), hardware)

    assert caught.value.trap is Trap.DEADLOCK


def test_binary_convolutions_without_whole_kernels_trap():
    hardware = load_configuration("pynq-z2")
    program = [instruction(BINARY_CONV, groups=1, blocks=1, count=1), instruction(FINISH)]

    with pytest.raises(TrapError, match="9 bit planes") as caught:
        simulate(program, np.zeros(64, np.uint8), hardware)

    assert caught.value.trap is Trap.FIELD


def test_lines_past_a_memory_trap():
    hardware = load_configuration("tiny")
    program = [
        instruction(LOAD, memory=Memory.SUBSET, line=hardware.subset_lines, count=1),
        instruction(FINISH),
    ]

    with pytest.raises(TrapError, match="subset lines 256 to 257 of 256") as caught:
        simulate(program, np.zeros(64, np.uint8), hardware)

    assert caught.value.trap is Trap.ADDRESS
