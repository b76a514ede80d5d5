"""The driver runs programs, and says at which instruction one stopped and why."""

import numpy as np
import pytest

from tests.target.vta.layers import two_blocks
from tests.target.vta.streams import changed
from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.driver import (
    Accelerator,
    DriverError,
    RunTimeoutError,
    Trap,
    TrappedError,
)
from tvm_snn.target.vta.isa.encoding import encode, instruction
from tvm_snn.target.vta.isa.instruction_set import FINISH, GATHER, LOAD, RESPOND
from tvm_snn.target.vta.simulator.functional import simulate
from tvm_snn.target.vta.simulator.functional_device import FunctionalDevice
from tvm_snn.target.vta.simulator.rtl_device import RtlDevice
from tvm_snn.target.vta.simulator.simulation import MemoryModel

TINY = load_configuration("tiny")


@pytest.fixture(scope="module")
def layer():
    return two_blocks(TINY)


@pytest.fixture(params=[FunctionalDevice, pytest.param(RtlDevice, marks=pytest.mark.slow)])
def device(request):
    return request.param(TINY, memory_bytes=1 << 20)


def test_a_program_leaves_the_bytes_that_the_functional_simulator_does(device, layer):
    wanted = layer.dram.copy()
    simulate(layer.program, wanted, TINY)
    accelerator = Accelerator(device, TINY.identity)
    accelerator.load(encode(layer.program), layer.dram)

    with accelerator.load(encode(layer.program), layer.dram) as program:
        for _ in range(2):
            program.run()
            assert np.array_equal(program.read(0, len(wanted)), wanted)
            program.write(0, layer.dram)
            assert np.array_equal(program.read(0, len(wanted)), layer.dram)


def test_another_configuration_is_refused(device):
    with pytest.raises(DriverError, match="build the bitstream from the configuration"):
        Accelerator(device, load_configuration("pynq-z2").identity)


def test_a_trap_names_engine_and_instruction(device, layer):
    place = [one.opcode for one in layer.program].index(RESPOND)
    bad = [changed(one, subset=250) if one.opcode is RESPOND else one for one in layer.program]
    accelerator = Accelerator(device, TINY.identity)

    with (
        accelerator.load(encode(bad), layer.dram) as program,
        pytest.raises(TrappedError, match=rf"response engine, at instruction {place} \(RESP") as it,
    ):
        program.run()

    assert it.value.trap is Trap.ADDRESS
    with accelerator.load(encode(layer.program), layer.dram) as program:
        program.run()


def test_memory_past_the_programs_own_traps(device):
    program = [instruction(LOAD, count=4, address=64), instruction(FINISH)]
    memory = np.zeros(64, np.uint8)

    with pytest.raises(TrappedError, match=r"load engine, at instruction 0 \(LOAD") as caught:
        Accelerator(device).load(encode(program), memory).run()

    assert caught.value.trap is Trap.BUS


@pytest.mark.slow
def test_a_program_that_does_not_end_is_stopped(layer):
    """The memory answers so late that nothing ends: the driver says where the engines stand."""
    device = RtlDevice(TINY, MemoryModel(latency=3000), memory_bytes=1 << 20)
    accelerator = Accelerator(device, TINY.identity)

    with accelerator.load(encode(layer.program), layer.dram) as program:
        with pytest.raises(RunTimeoutError, match=r"load at instruction 0 \(LDACT"):
            program.run(timeout=50e-6)
        program.run()
        wanted = layer.dram.copy()
        simulate(layer.program, wanted, TINY)
        assert np.array_equal(program.read(0, len(wanted)), wanted)


@pytest.mark.slow
def test_simulated_boards_go_in_any_order():
    boards = [RtlDevice(TINY, memory_bytes=1 << 16) for _ in range(4)]

    for place in (3, 1, 0):
        del boards[place]
        for board in boards:
            Accelerator(board, TINY.identity)


def test_a_deadlock_says_who_waits(device):
    program = [instruction(GATHER, groups=1, blocks=1, tiles=1, wait=1), instruction(FINISH)]

    with pytest.raises(TrappedError, match=r"gather at instruction 0 \(GATH") as caught:
        Accelerator(device).load(encode(program), np.zeros(64, np.uint8)).run()

    assert caught.value.trap is Trap.DEADLOCK


@pytest.mark.parametrize(
    ("code", "trap", "words"),
    [
        (bytes([14] + 15 * [0]), Trap.OPCODE, "unknown opcode"),
        (encode([instruction(FINISH)])[:15] + b"\1", Trap.FIELD, r"instruction 0 \(FINISH"),
        (encode([instruction(LOAD, count=1)]), Trap.OPCODE, "the program's end, after 1"),
    ],
)
def test_what_is_no_program_traps_at_fetch(device, code, trap, words):
    with pytest.raises(TrappedError, match=words) as caught:
        Accelerator(device).load(code, np.zeros(64, np.uint8)).run()

    assert caught.value.trap is trap


@pytest.mark.parametrize(
    ("code", "memory", "message"),
    [
        (b"", np.zeros(8, np.uint8), "16 bytes an instruction"),
        (bytes(17), np.zeros(8, np.uint8), "17 bytes altogether"),
        (bytes(16), np.zeros(8, np.int16), "a row of bytes, not int16"),
        (bytes(16), np.zeros((2, 2), np.uint8), r"shape \(2, 2\)"),
        (bytes(16), np.zeros(0, np.uint8), "a row of bytes"),
    ],
)
def test_what_cannot_be_loaded_is_refused(device, code, memory, message):
    with pytest.raises(DriverError, match=message):
        Accelerator(device).load(code, memory)


def test_memory_that_is_not_there_is_refused_and_what_was_taken_comes_back():
    accelerator = Accelerator(FunctionalDevice(TINY, memory_bytes=3 << 12))
    small, large = np.zeros(1 << 12, np.uint8), np.zeros(3 << 12, np.uint8)

    for _ in range(3):
        with pytest.raises(DriverError, match="No 12288 contiguous bytes"):
            accelerator.load(bytes(16), large)
        accelerator.load(bytes(16), small).close()


def test_ranges_past_the_memory_are_refused(device):
    program = Accelerator(device).load(bytes(16), np.zeros(64, np.uint8))

    with pytest.raises(DriverError, match="60 to 68 of a memory of 64"):
        program.write(60, np.zeros(2, np.int32))
    with pytest.raises(DriverError, match="-4 to 4 of"):
        program.read(-4, 8)


def test_a_closed_program_is_refused(device):
    program = Accelerator(device).load(bytes(16), np.zeros(64, np.uint8))
    program.close()
    program.close()

    with pytest.raises(DriverError, match="was closed"):
        program.run()
