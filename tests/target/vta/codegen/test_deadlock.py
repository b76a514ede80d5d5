"""Programs in which engines wait for each other are found without running them."""

import pytest

from tvm_snn.target.vta.codegen.deadlock import DeadlockError, check_progress
from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.isa.encoding import Instruction, instruction
from tvm_snn.target.vta.isa.instruction_set import (
    ALU,
    FINISH,
    GATHER,
    LOAD,
    RESPOND,
    Plane,
)

HARDWARE = load_configuration("tiny")
TO_RESPONSE, FROM_RESPONSE = 1, 1


def test_a_token_that_nobody_posts():
    program = [instruction(RESPOND, kernels=8, blocks=1, count=1, wait=1), instruction(FINISH)]

    with pytest.raises(DeadlockError, match="'response': 'RESP'"):
        check_progress(program, HARDWARE)


def test_a_token_that_nobody_takes():
    program = [instruction(LOAD, count=1, post=TO_RESPONSE), instruction(FINISH)]

    with pytest.raises(DeadlockError, match="LOAD to RESPONSE"):
        check_progress(program, HARDWARE)


def _layer(waiting_loads: int) -> list[Instruction]:
    """Return a layer before whose ALU loads wait for the end of its responses."""
    tiles = 6
    return [
        instruction(RESPOND, kernels=8, blocks=1, count=tiles * HARDWARE.pixels, post=1),
        instruction(GATHER, groups=1, blocks=1, tiles=tiles),
        instruction(LOAD, count=1, wait=FROM_RESPONSE),
        *(instruction(LOAD, count=1) for _ in range(waiting_loads - 1)),
        instruction(ALU, tiles=tiles, groups=1, plane=Plane.ACCUMULATOR),
        instruction(FINISH),
    ]


def test_a_full_queue_before_what_would_empty_it():
    check_progress(_layer(8), HARDWARE)

    with pytest.raises(DeadlockError, match="'load': 'LOAD'"):
        check_progress(_layer(9), HARDWARE)
