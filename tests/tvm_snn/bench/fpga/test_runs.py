"""Stacks of layers on the accelerator: cycles that add up, on the RTL and in the model."""

from dataclasses import asdict

import pytest

from tvm_snn.bench.fpga import stacks
from tvm_snn.bench.fpga.attribution import layers_of_instructions
from tvm_snn.bench.fpga.runs import run_stack
from tvm_snn.bench.fpga.stacks import BNN, NEGATION, TAU5, stack
from tvm_snn.bench.fpga.tables import utilisation
from tvm_snn.target.vta.codegen.generate import generate
from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.isa.fields import Engine
from tvm_snn.target.vta.simulator.rtl import RtlSimulator

TINY = load_configuration("tiny")


@pytest.fixture
def small(monkeypatch):
    """Two stages of two layers and of one, for images of 32 x 32 pixels."""
    monkeypatch.setitem(stacks.DEPTHS, "small", (2, 1))
    return "small"


@pytest.mark.slow
@pytest.mark.parametrize("kind", [BNN, NEGATION], ids=["BNN", "negation"])
@pytest.mark.parametrize("trunk", [False, True], ids=["signs", "trunk"])
def test_what_the_rtl_counts_is_divided_among_the_layers(small, kind, trunk):
    counted = run_stack(small, kind, trunk, TINY, RtlSimulator(TINY), size=32)
    predicted = run_stack(small, kind, trunk, TINY, None, size=32)

    whole = counted.spans[-1].counters
    for name, value in asdict(whole).items():
        assert sum(getattr(row.counted, name) for row in counted.rows) == value
    assert [row.stage for row in counted.rows] == [1, 1, 2]
    assert 0.5 < utilisation(counted.rows) <= 1
    for row, other in zip(counted.rows, predicted.rows, strict=True):
        assert row.cycles >= row.bound
        assert abs(row.cycles - other.cycles) <= 0.05 * row.cycles
        assert other.counted is None


def test_instructions_belong_to_layers(small):
    program = generate(stack(small, TAU5, trunk=True, size=32), TINY)

    owners = layers_of_instructions(program)

    engines: dict[Engine, list[int]] = {engine: [] for engine in Engine}
    for one, owner in zip(program.instructions, owners, strict=True):
        for engine in one.opcode.engines:
            engines[engine].append(owner)
    for engine, found in engines.items():
        assert set(found) == {0, 1, 2}, engine
        if engine is not Engine.LOAD:
            assert found == sorted(found), engine


def test_stacks_are_those_of_the_networks():
    layers = stack("resnet34", BNN)

    assert len(layers) == 32
    assert layers[0].name == "1.1 64@56"
    assert layers[6].name == "2.1 64@56/2"
    assert (layers[-1].channels, layers[-1].outputs, layers[-1].count) == (512, 512, 49)
    assert sum(layer.count * layer.channels * layer.outputs for layer in layers) == 391_774_208
