"""The RTL, cycle by cycle under Verilator, does what the functional simulator does."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.target.vta.layers import Layer, build, expected
from tests.target.vta.strategies import epilogues, layers
from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.isa.encoding import encode, instruction
from tvm_snn.target.vta.isa.instruction_set import FINISH, GATHER, LOAD, Memory
from tvm_snn.target.vta.simulator.functional import simulate
from tvm_snn.target.vta.simulator.rtl import MemoryModel, RtlSimulator
from tvm_snn.target.vta.simulator.trap import Trap, TrapError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rtl():
    return RtlSimulator(load_configuration("tiny"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_layers_and_epilogues_leave_the_same_bytes(rtl, data):
    layer = data.draw(layers(rtl.hardware))
    outputs, rows, columns = expected(layer).shape
    built = build(layer, rtl.hardware, **data.draw(epilogues(outputs, rows * columns)))
    memory = MemoryModel(
        latency=data.draw(st.integers(1, 60)),
        stall_percent=data.draw(st.sampled_from((0, 30, 80))),
        seed=data.draw(st.integers(0, 1000)),
    )
    functional = built.dram.copy()
    simulate(built.program, functional, rtl.hardware)

    rtl.simulate(built.program, built.dram, memory)

    assert np.array_equal(built.dram, functional)


def test_an_unknown_opcode_traps(rtl):
    with pytest.raises(TrapError) as caught:
        rtl.simulate_bytes(bytes([14] + 15 * [0]), np.zeros(64, np.uint8))

    assert caught.value.trap is Trap.OPCODE


def test_bits_past_an_instructions_end_trap(rtl):
    data = bytearray(encode([instruction(FINISH)]))
    data[15] = 1

    with pytest.raises(TrapError) as caught:
        rtl.simulate_bytes(bytes(data), np.zeros(64, np.uint8))

    assert caught.value.trap is Trap.FIELD


@pytest.mark.parametrize("memory", Memory)
def test_lines_past_a_memory_trap(rtl, memory):
    program = [
        instruction(LOAD, memory=memory, planes=3, line=60000, count=1),
        instruction(FINISH),
    ]

    with pytest.raises(TrapError) as caught:
        rtl.simulate(program, np.zeros(64, np.uint8))

    assert caught.value.trap is Trap.ADDRESS


def test_addresses_past_dram_trap(rtl):
    program = [
        instruction(LOAD, memory=Memory.SUBSET, count=4, address=1 << 20),
        instruction(FINISH),
    ]

    with pytest.raises(TrapError) as caught:
        rtl.simulate(program, np.zeros(64, np.uint8))

    assert caught.value.trap is Trap.BUS


def test_a_deadlock_traps(rtl):
    program = [
        instruction(GATHER, groups=1, blocks=1, tiles=1, wait=1),
        instruction(FINISH),
    ]

    with pytest.raises(TrapError) as caught:
        rtl.simulate(program, np.zeros(64, np.uint8))

    assert caught.value.trap is Trap.DEADLOCK


def test_counters_say_where_the_cycles_went(rtl):
    rng = np.random.default_rng(0)

    layer = Layer(
        rng.integers(-128, 128, (6, 6, 8)).astype(np.int8),
        rng.permutation(512)[:16][None],
        rng.integers(0, 16, (24, 8)),
        4,
    )
    built = build(layer, rtl.hardware)

    counted = rtl.simulate(built.program, built.dram)

    tiles = 36 // rtl.hardware.pixels
    assert counted.responding == tiles * 16 * rtl.hardware.tree_sharing
    assert counted.gathering == tiles * 24
    assert counted.finishing == tiles * 24
    assert counted.cycles > counted.responding
