"""The driver on a board: the real `pynq` package over a device with the Verilated accelerator."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.target.vta.driver.provision import SITE
from tests.target.vta.layers import two_blocks
from tvm_snn.target.vta import driver
from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.isa.encoding import encode
from tvm_snn.target.vta.simulator.functional import simulate
from tvm_snn.target.vta.simulator.verilated import compiled_library

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SITE.exists(), reason="`make pynq` fetches the package"),
]
TINY = load_configuration("tiny")
SCRIPT = Path(__file__).parent / "pynq_board.py"


@pytest.fixture
def home(tmp_path):
    """Return what lies on a board: the driver, a bitstream and a program; and the hardware."""
    built = two_blocks(TINY)
    wanted = built.dram.copy()
    simulate(built.program, wanted, TINY)
    shutil.copytree(Path(driver.__file__).parent, tmp_path / "driver")
    (tmp_path / "accelerator.so").symlink_to(compiled_library(TINY))
    (tmp_path / "accelerator.bit").touch()
    (tmp_path / "accelerator.hwh").touch()
    (tmp_path / "program.bin").write_bytes(encode(built.program))
    np.save(tmp_path / "memory.npy", built.dram)
    np.save(tmp_path / "wanted.npy", wanted)
    (tmp_path / "identity.txt").write_text(str(TINY.identity))
    return tmp_path


def run(home):
    return subprocess.run(
        [sys.executable, "-I", str(SCRIPT), str(SITE), str(home)],
        cwd=home,
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_program_runs_through_unmodified_pynq(home):
    said = run(home)

    assert said.returncode == 0, said.stderr
    assert said.stdout.split() == ["4.0.0", "True"]


def test_what_goes_wrong_on_a_board_is_said(home):
    (home / "identity.txt").write_text("5")
    assert "compile it again" in run(home).stderr

    (home / "accelerator.hwh").unlink()
    assert "a bitstream is a .bit and a .hwh file" in run(home).stderr
