"""The RTL, cycle by cycle under Verilator, does what the functional simulator does."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.target.vta.layers import Layer, build, expected, two_blocks
from tests.target.vta.strategies import epilogues, layers
from tests.target.vta.streams import changed, kept_images, streams
from tvm_snn.target.vta.isa.encoding import encode, instruction
from tvm_snn.target.vta.isa.fields import Opcode
from tvm_snn.target.vta.isa.instruction_set import (
    ALU,
    FINISH,
    GATHER,
    LOAD,
    LOAD_ACTIVATIONS,
    RESPOND,
    SHAPE,
    STORE_PLANES,
    STORE_VECTORS,
    Memory,
)
from tvm_snn.target.vta.simulator.functional import simulate
from tvm_snn.target.vta.simulator.rtl import Counters, MemoryModel
from tvm_snn.target.vta.simulator.trap import Trap, TrapError

pytestmark = pytest.mark.slow


def memories():
    return st.builds(
        MemoryModel,
        latency=st.integers(1, 60),
        stall_percent=st.sampled_from((0, 30, 80)),
        seed=st.integers(0, 1000),
        cycles_per_word=st.sampled_from((1, 2, 5)),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_layers_and_epilogues_leave_the_same_bytes(rtl, data):
    layer = data.draw(layers(rtl.hardware))
    outputs, rows, columns = expected(layer).shape
    built = build(layer, rtl.hardware, **data.draw(epilogues(outputs, rows * columns)))
    memory = data.draw(memories())
    functional = built.dram.copy()
    simulate(built.program, functional, rtl.hardware)

    rtl.simulate(built.program, built.dram, memory)

    assert np.array_equal(built.dram, functional)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_streams_with_much_under_way_leave_the_same_bytes(rtl, data):
    program, dram = data.draw(st.one_of(streams(rtl.hardware), kept_images(rtl.hardware)))
    memory = data.draw(memories())
    functional = dram.copy()
    simulate(program, functional, rtl.hardware)

    rtl.simulate(program, dram, memory)

    assert np.array_equal(dram, functional)


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


@pytest.mark.parametrize(
    ("opcode", "values", "trap"),
    [
        (LOAD_ACTIVATIONS, {"pitch": 510}, Trap.ADDRESS),
        (LOAD_ACTIVATIONS, {"address": 4}, Trap.BUS),
        (LOAD_ACTIVATIONS, {"address": 1 << 20}, Trap.BUS),
        (RESPOND, {"line": 512}, Trap.ADDRESS),
        (RESPOND, {"subset": 250}, Trap.ADDRESS),
        (RESPOND, {"kernels": 65}, Trap.FIELD),
        (GATHER, {"line": 1020}, Trap.ADDRESS),
        (GATHER, {"groups": 65}, Trap.FIELD),
        (ALU, {"parameter": 50}, Trap.ADDRESS),
        (ALU, {"residual": 1, "residual_line": 250}, Trap.ADDRESS),
        (ALU, {"plane_line": 510}, Trap.ADDRESS),
        (ALU, {"vector_line": 500}, Trap.ADDRESS),
        (STORE_PLANES, {"line": 480}, Trap.ADDRESS),
        (STORE_PLANES, {"address": 1 << 20}, Trap.BUS),
        (STORE_VECTORS, {"line": 500}, Trap.ADDRESS),
        (STORE_VECTORS, {"address": 12}, Trap.BUS),
    ],
    ids=lambda value: value.mnemonic if isinstance(value, Opcode) else "",
)
@pytest.mark.parametrize("latency", [1, 40])
def test_what_is_out_of_range_traps_and_after_a_reset_the_accelerator_runs(
    rtl, opcode, values, trap, latency
):
    built = two_blocks(rtl.hardware)
    bad = [changed(one, **values) if one.opcode is opcode else one for one in built.program]
    wanted = built.dram.copy()
    simulate(built.program, wanted, rtl.hardware)
    with pytest.raises(TrapError) as caught:
        simulate(bad, built.dram.copy(), rtl.hardware)
    assert caught.value.trap is trap

    ran = rtl.simulate_in_turn(
        [encode(bad), encode(built.program)], built.dram, MemoryModel(latency, 30), 1 << 20
    )

    assert ran[0].trap is trap
    assert np.array_equal(built.dram, wanted)


@pytest.mark.parametrize("stop_after", range(1, 9))
def test_a_trap_with_bursts_under_way_leaves_a_bus_that_works(rtl, stop_after):
    built = two_blocks(rtl.hardware)
    wanted = built.dram.copy()
    simulate(built.program, wanted, rtl.hardware)
    cut = encode(built.program[:stop_after]) + bytes([14] + 15 * [0])

    ran = rtl.simulate_in_turn(
        [cut, encode(built.program)], built.dram, MemoryModel(60, 50, seed=stop_after), 1 << 20
    )

    assert ran[0].trap is Trap.OPCODE
    assert np.array_equal(built.dram, wanted)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_after_any_program_and_a_reset_the_accelerator_runs(rtl, data):
    """Bits are flipped: what comes of it traps, ends or is stopped, and leaves a sound bus."""
    built = two_blocks(rtl.hardware)
    good = encode(built.program)
    bad = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        bit = data.draw(st.integers(0, 8 * len(bad) - 1))
        bad[bit // 8] ^= 1 << bit % 8
    memory = MemoryModel(data.draw(st.integers(1, 60)), data.draw(st.sampled_from((0, 50))))

    ran = rtl.simulate_in_turn([bytes(bad), good], built.dram, memory, 1 << 15)

    # Whatever the first one has written, the second one has made its results of it.
    assert isinstance(ran[1], Counters)
    again = built.dram.copy()
    simulate(built.program, again, rtl.hardware)
    assert np.array_equal(again, built.dram)


def test_a_run_begins_without_what_the_last_one_left(rtl):
    """Tokens, responses and accumulators that nobody took are gone."""
    built = two_blocks(rtl.hardware)
    wanted = built.dram.copy()
    simulate(built.program, wanted, rtl.hardware)
    unfinished = [one for one in built.program if one.opcode not in (ALU, STORE_PLANES)]
    unfinished = [one for one in unfinished if one.opcode is not STORE_VECTORS]
    assert any(one.opcode is GATHER for one in unfinished)

    ran = rtl.simulate_in_turn([encode(unfinished), encode(built.program)], built.dram)

    assert all(isinstance(one, Counters) for one in ran)
    assert np.array_equal(built.dram, wanted)


def test_responses_before_any_shape_trap(rtl):
    built = two_blocks(rtl.hardware)
    program = [one for one in built.program if one.opcode is not SHAPE]

    ran = rtl.simulate_in_turn([encode(built.program), encode(program)], built.dram)

    assert ran[1].trap is Trap.FIELD


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
    assert counted.finishing == tiles * 24 * rtl.hardware.alu_turns
    assert counted.cycles > counted.responding
