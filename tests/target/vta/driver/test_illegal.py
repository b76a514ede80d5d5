"""Instructions of any kind: what the encoder rejects, the hardware traps; simulators agree."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.driver import Accelerator, Trap, TrappedError
from tvm_snn.target.vta.isa.encoding import (
    Instruction,
    InstructionError,
    decode,
    encode,
    instruction,
)
from tvm_snn.target.vta.isa.instruction_set import (
    ALU,
    BINARY_CONV,
    FINISH,
    GATHER,
    INSTRUCTIONS,
    KEEP_VECTORS,
    LOAD,
    LOAD_ACTIVATIONS,
    RESPOND,
    SHAPE,
    STORE_PLANES,
    STORE_VECTORS,
)
from tvm_snn.target.vta.simulator.functional_device import FunctionalDevice
from tvm_snn.target.vta.simulator.rtl_device import RtlDevice

pytestmark = pytest.mark.slow

TINY = load_configuration("tiny")
MEMORY = np.zeros(1 << 12, np.uint8)
END = encode([instruction(FINISH)])


@pytest.fixture(scope="module")
def accelerators():
    """Return the functional simulator and the RTL behind the same driver."""
    kinds = (FunctionalDevice, RtlDevice)
    return [Accelerator(kind(TINY, memory_bytes=1 << 16)) for kind in kinds]


def outcome(accelerator, code):
    """Return the trap that a program ends with, or NONE."""
    with accelerator.load(code, MEMORY) as program:
        try:
            program.run(timeout=0.01)
        except TrappedError as error:
            return error.trap
    return Trap.NONE


@st.composite
def any_bits(draw):
    """Draw 128 bits, most of them 0, with an opcode that exists more often than not."""
    opcodes = st.sampled_from([one.number for one in INSTRUCTIONS])
    value = draw(st.one_of(opcodes, st.integers(0, 15)))
    for place in draw(st.lists(st.integers(4, 127), max_size=12)):
        value |= 1 << place
    return value.to_bytes(16, "little")


GOOD = {
    LOAD: {"planes": 3, "count": 4},
    LOAD_ACTIVATIONS: {"rows": 2, "width": 3, "blocks": 2, "pitch": 3, "stride": 6},
    SHAPE: {"stride": 1, "height": 6, "width": 6, "out_width": 4, "pitch": 12},
    RESPOND: {"kernels": 8, "blocks": 1, "count": 6},
    GATHER: {"groups": 4, "blocks": 1, "tiles": 2},
    BINARY_CONV: {"groups": 4, "blocks": 1, "count": 6},
    ALU: {"tiles": 2, "groups": 8, "plane": 1, "vector": 1},
    STORE_PLANES: {"plane": 1, "count": 4},
    STORE_VECTORS: {"count": 4},
    KEEP_VECTORS: {"blocks": 2, "block_lines": 6, "count": 6, "width": 3, "pitch": 3},
    FINISH: {},
}
"""Instructions that nothing is wrong with."""
SQUARE = instruction(SHAPE, **GOOD[SHAPE])


@st.composite
def with_one_wild_field(draw) -> Instruction:
    """Draw an instruction, one of whose fields holds anything that is legal by its bits."""
    opcode = draw(st.sampled_from([one for one in INSTRUCTIONS if one.fields]))
    field = draw(st.sampled_from(opcode.fields))
    value = draw(st.integers(field.least, field.largest))
    return instruction(opcode, **GOOD[opcode] | {field.name: value})


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(code=any_bits())
def test_what_the_encoder_does_not_make_is_trapped_at_fetch(accelerators, code):
    try:
        decode(code)
    except InstructionError:
        traps = [outcome(one, code + END) for one in accelerators]
        assert traps[0] is traps[1]
        assert traps[0] in (Trap.OPCODE, Trap.FIELD)
    else:
        assert encode(decode(code)) == code


TWO_FAULTS = {
    # The hardware asks for the next block before it places this one.
    LOAD_ACTIVATIONS: {Trap.ADDRESS, Trap.BUS},
    # Alone, these wait for ever; wrong lines are met before or after that.
    RESPOND: {Trap.ADDRESS, Trap.DEADLOCK},
    GATHER: {Trap.ADDRESS, Trap.DEADLOCK},
    BINARY_CONV: {Trap.ADDRESS, Trap.DEADLOCK},
    ALU: {Trap.ADDRESS, Trap.DEADLOCK},
}
"""Where two things are wrong, and the simulators may meet them in another order."""


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(one=with_one_wild_field())
def test_an_instruction_alone_ends_the_same_way_on_both_simulators(accelerators, one):
    code = encode([SQUARE, one, instruction(FINISH)])

    functional, rtl = (outcome(accelerator, code) for accelerator in accelerators)

    assert functional is rtl or {functional, rtl} == TWO_FAULTS.get(one.opcode)
