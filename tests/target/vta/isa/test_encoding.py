"""Instructions survive encoding; what the accelerator does not have is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvm_snn.target.vta.isa.disassemble import disassemble
from tvm_snn.target.vta.isa.encoding import (
    Instruction,
    InstructionError,
    decode,
    encode,
    instruction,
)
from tvm_snn.target.vta.isa.instruction_set import (
    FINISH,
    GATHER,
    INSTRUCTIONS,
    RESPOND,
    SHAPE,
)


@st.composite
def instructions(draw: st.DrawFn) -> Instruction:
    opcode = draw(st.sampled_from(INSTRUCTIONS))
    fields = [field for field, _ in list(opcode.positions().values())[1:]]
    return instruction(opcode, **{f.name: draw(st.integers(f.least, f.largest)) for f in fields})


@given(st.lists(instructions(), max_size=5))
def test_decoding_gives_back_what_was_encoded(program):
    assert decode(encode(program)) == program


def test_opcodes_and_positions_do_not_collide():
    assert len({opcode.number for opcode in INSTRUCTIONS}) == len(INSTRUCTIONS)
    for opcode in INSTRUCTIONS:
        end = 0
        for field, position in opcode.positions().values():
            assert position == end
            end += field.bits
        assert end <= 128


def test_a_value_that_does_not_fit_is_refused():
    with pytest.raises(InstructionError, match="GATH: groups is 1024, expected 1 to 1023"):
        instruction(GATHER, groups=1024, blocks=1, tiles=1)


def test_a_value_that_means_nothing_is_refused():
    with pytest.raises(InstructionError, match="SHAPE: stride is 3, expected 1 to 2"):
        instruction(SHAPE, stride=3, height=6, width=6, out_width=6)


def test_a_field_that_must_be_given_is_asked_for():
    with pytest.raises(InstructionError, match="RESP: kernels is 0, expected 1 to 255"):
        instruction(RESPOND, blocks=1, count=1)


def test_a_field_that_does_not_exist_is_refused():
    with pytest.raises(InstructionError, match="FINISH has no field 'line'"):
        instruction(FINISH, line=1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes([14] + 15 * [0]), "Instruction 0: there is no opcode 14"),
        (bytes([15] + 14 * [0] + [1]), "Instruction 0: FINISH has bits set past its end"),
        (bytes(15), "16 bytes an instruction, this one 15"),
        (bytes([5] + 15 * [0]), "Instruction 0: GATH: groups is 0"),
    ],
)
def test_illegal_programs_are_refused(data, message):
    with pytest.raises(InstructionError, match=message):
        decode(data)


def test_disassembly_names_fields_and_tokens():
    program = [instruction(GATHER, groups=2, blocks=3, tiles=4, wait=1, post=1)]

    assert disassemble(program) == "    0  GATH   groups=2 blocks=3 tiles=4 <-load ->load"
