"""Instructions of any kind: what the encoder rejects, the hardware traps; simulators agree."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.driver import Accelerator, Trap, TrappedError
from tvm_snn.target.vta.isa.encoding import (
    InstructionError,
    decode,
    encode,
    instruction,
)
from tvm_snn.target.vta.isa.instruction_set import (
    FINISH,
    INSTRUCTIONS,
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
