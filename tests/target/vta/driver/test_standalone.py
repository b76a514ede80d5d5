"""The driver's folder works where there is nothing but Python and numpy."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tvm_snn.target.vta import driver

FOLDER = Path(driver.__file__).parent
SCRIPT = """
import sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tvm", "tvm_ffi", "tvm_snn", "torch", "pynq"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Nothing())
import driver
try:
    driver.PynqBoard("accelerator.bit")
except driver.DriverError as error:
    print(error)
"""


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.py")), ids=lambda file: file.name)
def test_older_pythons_read_it(file):
    ast.parse(file.read_text(), feature_version=(3, 8))


def test_a_copy_of_the_folder_imports_and_says_what_a_board_needs(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "driver")

    said = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout

    assert "the Python package pynq, which is not here" in said
