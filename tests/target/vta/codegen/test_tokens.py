"""Tokens keep the order of a program, whatever engine is fast or slow."""

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from tests.target.vta.codegen.networks import compute, configurations, fill, networks
from tvm_snn.errors import SnnError, TargetError
from tvm_snn.target.vta.codegen.generate import generate
from tvm_snn.target.vta.codegen.tokens import insert_tokens
from tvm_snn.target.vta.configuration import Configuration, load_configuration
from tvm_snn.target.vta.isa.disassemble import disassemble
from tvm_snn.target.vta.isa.encoding import Instruction, instruction
from tvm_snn.target.vta.isa.fields import Engine
from tvm_snn.target.vta.isa.instruction_set import (
    GATHER,
    KEEP_VECTORS,
    LOAD,
    LOAD_ACTIVATIONS,
    Memory,
    Plane,
)
from tvm_snn.target.vta.simulator import functional


class _Uneven(functional.Machine):
    """Engines that advance at random: now this one runs ahead, now that one."""

    def __init__(
        self, program: list[Instruction], dram: np.ndarray, hardware: Configuration, seed: int
    ) -> None:
        super().__init__(program, dram, hardware)
        self._random = random.Random(seed)

    def run(self) -> None:
        processes = [self._fetch(), *(self._engine(engine) for engine in Engine)]
        for _ in range(200_000):
            if self._finished():
                return
            # Many steps of one while all others stand still.
            process = self._random.choice(processes)
            for _ in range(self._random.choice((1, 3, 40))):
                next(process)
        raise AssertionError("the program does not end")


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_uneven_engines_compute_the_same(data):
    hardware = data.draw(configurations())
    layers = data.draw(networks())
    try:
        program = generate(layers, hardware)
    except TargetError:
        reject()
    dram, put = fill(program, data.draw(st.integers(0, 1000)))
    want = compute(layers, put, hardware.activation_bits)

    _Uneven(program.instructions, dram, hardware, data.draw(st.integers(0, 1000))).run()

    for one in program.planned:
        if one.layer.plane is not Plane.NONE:
            found = program.planes(dram, one.layer.name)
            assert np.array_equal(found, want[one.layer.name]["planes"])


def test_only_conflicts_get_tokens():
    load = {"memory": Memory.INDEX, "planes": 3, "count": 2}
    gather = {"groups": 2, "blocks": 1, "tiles": 1}
    program = [
        instruction(LOAD, line=0, address=0, **load),
        instruction(LOAD, line=8, address=64, **load),
        instruction(GATHER, line=0, **gather),
        instruction(GATHER, line=0, **gather),
        instruction(LOAD, line=1, address=0, **load),
    ]

    lines = disassemble(insert_tokens(program, load_configuration("tiny"))).splitlines()

    assert [line.split(" ")[-1] for line in lines] == [
        "->gather",
        "address=64",
        "<-load",
        "->load",
        "<-gather",
    ]


def test_a_conflict_without_a_channel_is_an_error():
    program = [
        instruction(LOAD_ACTIVATIONS, rows=1, width=1, blocks=1),
        instruction(KEEP_VECTORS, blocks=1, count=1, width=1),
    ]

    with pytest.raises(SnnError, match=r"Instruction 1 \(KEEP\).*of the load engine"):
        insert_tokens(program, load_configuration("tiny"))
