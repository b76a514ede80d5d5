"""A program on the RTL in a second simulator, Icarus Verilog, leaves the same bytes."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.target.vta.layers import two_blocks
from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.isa.describe import as_system_verilog
from tvm_snn.target.vta.isa.encoding import encode
from tvm_snn.target.vta.simulator.functional import simulate
from tvm_snn.target.vta.simulator.verilated import parameters, rtl_sources

TINY = load_configuration("tiny")
BENCH = Path(__file__).with_name("icarus_bench.sv")
WORD = TINY.bus_bytes
_FINISHED = "status 00000706"  # bit 1: finished, bit 2: the bus is quiet; no engine trapped


def _run(command, folder):
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("iverilog") is None, reason="there is no Icarus Verilog")
def test_a_program_leaves_the_bytes_that_the_functional_simulator_leaves(tmp_path):
    built = two_blocks(TINY)
    wanted = built.dram.copy()
    simulate(built.program, wanted, TINY)
    start = -(-len(wanted) // WORD) * WORD
    memory = np.zeros(start, np.uint8)
    memory[: len(built.dram)] = built.dram
    memory = np.concatenate([memory, np.frombuffer(encode(built.program), np.uint8)])
    words = memory.view("<u8")
    (tmp_path / "before.hex").write_text("\n".join(f"{word:016x}" for word in words))
    (tmp_path / "isa.svh").write_text(as_system_verilog())
    given = [f".{name}({value})" for name, value in parameters(TINY).items()]
    (tmp_path / "parameters.svh").write_text(",\n".join(given))
    numbers = {"WORDS": len(words), "PROGRAM": start, "INSTRUCTIONS": len(built.program)}
    _run(
        [
            *("iverilog", "-g2012", "-I.", "-s", BENCH.stem, "-o", "bench.vvp"),
            *(f"-P{BENCH.stem}.{name}={value}" for name, value in numbers.items()),
            *map(str, [*rtl_sources(), BENCH]),
        ],
        tmp_path,
    )

    said = _run(["vvp", "-n", "bench.vvp"], tmp_path)

    assert _FINISHED in said
    lines = (tmp_path / "after.hex").read_text().splitlines()
    after = np.array([int(line, 16) for line in lines if line[:2] != "//"], "<u8").view(np.uint8)
    assert np.array_equal(after[: len(wanted)], wanted)
