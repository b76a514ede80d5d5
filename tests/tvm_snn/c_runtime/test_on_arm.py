"""C libraries for ARM, under emulation, against the reference interpreter."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tvm
from numpy.typing import NDArray

from tests.compiled import small_inputs, small_module
from tests.networks.exact import exact_image, make_exact
from tests.tvm_snn.c_runtime import programs
from tvm_snn import compiler, zoo
from tvm_snn.artifact import Artifact
from tvm_snn.c_runtime import CLibrary, export_c
from tvm_snn.compiler import Detected, detect
from tvm_snn.link import Library
from tvm_snn.reference import evaluate
from tvm_snn.relay_passes.lower import Lowered
from tvm_snn.target import parse_target

TARGETS = {"llvm -mcpu=cortex-a72": programs.aarch64, "pynq-z2": programs.armv7}
CPUS = {"llvm -mcpu=cortex-a72": "cortex-a72", "pynq-z2": "cortex-a9"}
both = pytest.mark.parametrize("target", TARGETS)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def resnet20() -> Detected:
    """A whole sub-bit ResNet-20, W1A1, whose floats are exact."""
    return detect(make_exact(zoo.resnet20(tau=4)), (exact_image(1, 3, 32, 32),))


@pytest.fixture
def build(monkeypatch):
    """Build artifacts without the machine code for TVM, which the C library has no use for."""
    monkeypatch.setattr(compiler, "_lower", lambda *_: Lowered(None, ()))
    monkeypatch.setattr(compiler, "link", lambda *_: Library(b"", ""))
    return lambda detected, target: compiler.build(detected, parse_target(target))


def reference(artifact: Artifact, arrays: list[NDArray]) -> tuple[NDArray, ...]:
    function = tvm.ir.load_json(artifact.network)["main"]
    result = evaluate(function, [*arrays, *(weight.array for weight in artifact.weights)])
    return result if isinstance(result, tuple) else (result,)


def run(artifact: Artifact, target: str, arrays: list[NDArray], folder: Path) -> list[NDArray]:
    library = export_c(artifact, folder / "net.so")
    check_symbols(library)
    machine = TARGETS[target](CPUS[target])
    return programs.run_library(library, artifact.outputs, arrays, machine)


def check_symbols(library: CLibrary) -> None:
    """Only the interface may be seen, and only an old C library be asked for."""

    def said(*command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    listed = said("nm", "-D", "--defined-only", str(library.shared)).split("\n")
    names = [line.split()[-1] for line in listed if line]
    assert len(names) == 9
    assert all(re.fullmatch(r"snn_(?!kernel|stored)\w+", name) for name in names), names
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", said("readelf", "-d", str(library.shared)))
    assert {"libc.so.6"} <= set(needed) <= {"libc.so.6", "libm.so.6"}
    versions = re.findall(r"Name: GLIBC_2\.(\d+)", said("readelf", "-V", str(library.shared)))
    assert versions
    assert max(map(int, versions)) <= 28


@both
def test_a_sub_bit_network_is_bit_exact(
    target: str, resnet20: Detected, build, tmp_path: Path
) -> None:
    artifact = build(resnet20, target)
    image = exact_image(1, 3, 32, 32, seed=1).numpy()
    (found,) = run(artifact, target, [image], tmp_path)
    np.testing.assert_array_equal(found, reference(artifact, [image])[0])


def test_resnet18_is_bit_exact(build, tmp_path: Path) -> None:
    model = make_exact(zoo.resnet18(tau=5), threshold=2.0**-9)
    artifact = build(detect(model, (exact_image(1, 3, 64, 64),)), "pynq-z2")
    image = exact_image(1, 3, 64, 64, seed=1).numpy()
    (found,) = run(artifact, "pynq-z2", [image], tmp_path)
    np.testing.assert_array_equal(found, reference(artifact, [image])[0])
    assert len(np.unique(found)) > 100


@both
def test_layers_of_every_kind(target: str, build, tmp_path: Path) -> None:
    """Dense, sub-bit and binary layers, float activations among them, which may round."""
    artifact = build(detect(small_module()), target)
    arrays = list(small_inputs())
    for found, right in zip(
        run(artifact, target, arrays, tmp_path), reference(artifact, arrays), strict=True
    ):
        np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-5 * np.abs(right).max())
