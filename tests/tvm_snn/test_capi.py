"""tvm_snn.capi, also where there is nothing but Python and numpy."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.compiled import small_inputs, small_network
from tvm_snn import capi
from tvm_snn.c_runtime import CLibrary

# Makes every import fail but that of numpy and the standard library.
WITHOUT = """
import sys
from importlib.abc import MetaPathFinder
class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in ALLOWED | {"numpy"} | set(sys.stdlib_module_names):
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Refuse())
"""


def python(code: str, folder: Path, *arguments: object) -> subprocess.CompletedProcess:
    """Run Python in a folder."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )


def test_it_gives_what_the_network_gives(small_library: CLibrary) -> None:
    network = capi.load(small_library.shared)
    assert network.inputs == (
        capi.Tensor("image", (2, 3, 8, 8), "float32"),
        capi.Tensor("offset", (1, 16, 1, 1), "float32"),
    )
    assert [spec.shape for spec in network.outputs] == [(2, 10), (2, 16, 4, 4)]
    for found, right in zip(
        network(*small_inputs()), small_network()(*small_inputs()), strict=True
    ):
        np.testing.assert_array_equal(found, right)


def test_an_array_that_is_not_contiguous(small_library: CLibrary) -> None:
    image, offset = small_inputs()
    network = capi.load(small_library.shared)
    strided = np.asfortranarray(image)
    np.testing.assert_array_equal(network(strided, offset)[0], network(image, offset)[0])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((), "takes 2 inputs, not 0"),
        ((np.zeros((2, 3, 8, 8)), np.zeros((1, 16, 1, 1), "float32")), "given was float64"),
        ((np.zeros((2, 3, 8, 9), "float32"), np.zeros((1, 16, 1, 1), "float32")), r"2, 3, 8, 9"),
    ],
)
def test_inputs_that_do_not_fit(small_library: CLibrary, arrays, message: str) -> None:
    with pytest.raises(capi.NetworkError, match=message):
        capi.load(small_library.shared)(*arrays)


def test_what_is_no_network(small_library: CLibrary, tmp_path: Path) -> None:
    text = tmp_path / "text.so"
    text.write_text("hello")
    with pytest.raises(capi.NetworkError, match="Cannot load"):
        capi.load(text)
    with pytest.raises(capi.NetworkError, match="Cannot load"):
        capi.load(tmp_path / "missing.so")
    with pytest.raises(capi.NetworkError, match="no function other_create: it is no network"):
        capi.load(small_library.shared, prefix="other")


def test_the_file_alone_next_to_a_network(small_library: CLibrary, tmp_path: Path) -> None:
    """A board has two files and numpy: no TVM, and nothing else of tvm_snn."""
    shutil.copy(small_library.shared, tmp_path / "net.so")
    shutil.copy(capi.__file__, tmp_path / "capi.py")
    for name, array in zip("ab", small_inputs(), strict=True):
        np.save(tmp_path / f"{name}.npy", array)
    run = WITHOUT.replace("ALLOWED", "{'capi'}") + (
        "import capi\nsys.argv[0] = 'capi'\nsys.exit(capi.main())"
    )
    files = ["net.so", "a.npy", "b.npy"]
    result = python(run, tmp_path, *files, "-o", "x.npy", "-o", "y.npy")
    assert result.returncode == 0, result.stderr
    for name, right in zip("xy", small_network()(*small_inputs()), strict=True):
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), right)
    assert "output0: float32[2, 10]" in result.stdout
    result = python(run, tmp_path, "net.so", "a.npy")
    assert (result.returncode, result.stderr) == (1, "capi: The network takes 2 inputs, not 1.\n")


def test_the_package_without_tvm(small_library: CLibrary, tmp_path: Path) -> None:
    code = WITHOUT.replace("ALLOWED", "{'tvm_snn'}") + (
        "sys.modules['tvm'] = None\n"
        "import tvm_snn.capi\n"
        "print(len(tvm_snn.capi.load(sys.argv[1]).inputs), tvm_snn.__version__)\n"
        "tvm_snn.compile"
    )
    result = python(code, tmp_path, small_library.shared)
    assert result.stdout.startswith("2 "), result.stderr
    assert "AttributeError: tvm_snn.compile is not there, for TVM is not installed" in result.stderr
