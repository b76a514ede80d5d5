"""Every cut that a search may choose computes the same; records are read with care."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from tests.target.vta.codegen.networks import compute, configurations, fill, networks
from tvm_snn.errors import RecordsError, SnnError
from tvm_snn.target.vta.codegen.generate import generate
from tvm_snn.target.vta.codegen.plan import plan
from tvm_snn.target.vta.codegen.tiling import Cut
from tvm_snn.target.vta.codegen.tuned import (
    SCHEMA,
    Situation,
    TilingRecord,
    Tilings,
    holds_tilings,
    read_tilings,
    write_tilings,
)
from tvm_snn.target.vta.isa.instruction_set import Plane
from tvm_snn.target.vta.simulator.functional import simulate


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_cut_and_order_computes_the_same(data):
    hardware = data.draw(configurations())
    layers = data.draw(networks())[:2]
    tilings = Tilings()
    try:
        for one in plan(layers, hardware):
            cut = data.draw(st.sampled_from(one.tilings())).cut
            tilings = tilings.with_cut(one.situation, cut)
        program = generate(layers, hardware, tilings)
    except SnnError:
        reject()
    dram, put = fill(program, 0)

    simulate(program.instructions, dram, hardware)

    want = compute(layers, put, hardware.activation_bits)
    for one in program.planned:
        assert one.tiling.cut == tilings.find(one.situation)
        if one.layer.plane is not Plane.NONE:
            planes = program.planes(dram, one.layer.name)
            assert np.array_equal(planes, want[one.layer.name]["planes"])


SITUATION = Situation(*range(20))
RECORD = TilingRecord(SITUATION, Cut(8, 2, 3, 4, 0), 90, 100, "model", "tiny", "2026-01-01", {})


def test_records_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "tilings.json"

    write_tilings(path, [RECORD, replace(RECORD, cycles=80)])

    assert holds_tilings(path)
    assert read_tilings(path) == [RECORD, replace(RECORD, cycles=80)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cycles": "90"}, "tiling 1: cycles is '90', expected int"),
        ({"cut": {"outputs": 8}}, "expected is an object with outputs, bands"),
        ({"cut": RECORD.data()["cut"] | {"chunk": 1.5}}, "chunk is 1.5, expected a whole number"),
        ({"more": 1}, "tiling 1: expected is an object with"),
    ],
)
def test_a_malformed_record_is_named(tmp_path, change, message):
    path = tmp_path / "tilings.json"
    path.write_text(json.dumps({"schema": SCHEMA, "tilings": [RECORD.data() | change]}))

    with pytest.raises(RecordsError, match=message):
        read_tilings(path)


def test_what_is_no_file_of_tilings_is_an_error(tmp_path):
    path = tmp_path / "tilings.json"
    path.write_text('{"schema": 9, "tilings": []}')

    with pytest.raises(RecordsError, match="form 9"):
        read_tilings(path)
    path.write_text("{}")
    assert not holds_tilings(path)
    with pytest.raises(RecordsError, match="holds no tilings"):
        read_tilings(path)
    with pytest.raises(RecordsError, match="Cannot read"):
        read_tilings(tmp_path / "missing.json")
