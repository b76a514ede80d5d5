"""C libraries for ARM, under emulation, against the reference interpreter."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import tvm
from numpy.typing import NDArray
from torch import nn

from tests.compiled import small_inputs, small_module
from tests.emulation.python import run_capi
from tests.networks.exact import exact_image, make_exact
from tests.tvm_snn.c_runtime import programs
from tvm_snn import compiler, zoo
from tvm_snn.artifact import Artifact
from tvm_snn.c_runtime import CLibrary, export_c
from tvm_snn.compiler import Detected, detect
from tvm_snn.link import Library
from tvm_snn.nn import UniformActivation
from tvm_snn.reference import evaluate
from tvm_snn.relay_passes.lower import Lowered
from tvm_snn.target import parse_target

TARGETS = {
    "llvm -mcpu=cortex-a72": programs.aarch64,
    "raspberry-pi-3": programs.aarch64,
    "raspberry-pi-5": programs.aarch64,
    "llvm -mcpu=neoverse-v1": programs.aarch64,
    "llvm -mcpu=cortex-a9": programs.armv7,
}
CPUS = {
    "llvm -mcpu=cortex-a72": "cortex-a72",
    "raspberry-pi-3": "cortex-a53",
    "raspberry-pi-5": "cortex-a76",
    "llvm -mcpu=neoverse-v1": "max",
    "llvm -mcpu=cortex-a9": "cortex-a9",
}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def build() -> Iterator[Callable[[Detected, str], Artifact]]:
    """Build artifacts without the machine code for TVM, which the C library has no use for."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(compiler, "_lower", lambda *_: Lowered(None, ()))
        monkeypatch.setattr(compiler, "link", lambda *_: Library(b"", ""))
        yield lambda detected, target: compiler.build(detected, parse_target(target))


@pytest.fixture(scope="module", params=["raspberry-pi-3", "llvm -mcpu=cortex-a9"])
def small(request, build, tmp_path_factory) -> tuple[str, Artifact, CLibrary]:
    """Dense, sub-bit and binary layers, float activations among them, for a target."""
    artifact = build(detect(small_module()), request.param)
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, artifact, export_c(artifact, folder / "net.so")


def reference(artifact: Artifact, arrays: list[NDArray]) -> tuple[NDArray, ...]:
    function = tvm.ir.load_json(artifact.network)["main"]
    result = evaluate(function, [*arrays, *(weight.array for weight in artifact.weights)])
    return result if isinstance(result, tuple) else (result,)


def run(artifact: Artifact, target: str, arrays: list[NDArray], folder: Path) -> list[NDArray]:
    library = export_c(artifact, folder / "net.so")
    check_symbols(library)
    return run_static(artifact, library, target, arrays)


def run_static(
    artifact: Artifact, library: CLibrary, target: str, arrays: list[NDArray]
) -> list[NDArray]:
    machine = TARGETS[target](CPUS[target])
    return programs.run_library(library, artifact.outputs, arrays, machine)


def check_symbols(library: CLibrary) -> None:
    """Only the interface may be seen, and only an old C library be asked for."""

    def said(*command: str) -> str:
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=300
        ).stdout

    listed = said("nm", "-D", "--defined-only", str(library.shared)).split("\n")
    names = [line.split()[-1] for line in listed if line]
    assert len(names) == 9
    assert all(re.fullmatch(r"snn_(?!kernel|stored)\w+", name) for name in names), names
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", said("readelf", "-d", str(library.shared)))
    assert {"libc.so.6"} <= set(needed) <= {"libc.so.6", "libm.so.6"}
    versions = re.findall(r"Name: GLIBC_2\.(\d+)", said("readelf", "-V", str(library.shared)))
    assert versions
    assert max(map(int, versions)) <= 28


def test_resnet20_is_bit_exact_on_64_bits(build, tmp_path: Path) -> None:
    target = "llvm -mcpu=cortex-a72"
    model = make_exact(zoo.resnet20(tau=4), threshold=2.0**-9)
    artifact = build(detect(model, (exact_image(1, 3, 32, 32),)), target)
    image = exact_image(1, 3, 32, 32, seed=1).numpy()
    (found,) = run(artifact, target, [image], tmp_path)
    np.testing.assert_array_equal(found, reference(artifact, [image])[0])


def test_resnet18_is_bit_exact_on_32_bits(build, tmp_path: Path) -> None:
    model = make_exact(zoo.resnet18(tau=5), threshold=2.0**-9)
    artifact = build(detect(model, (exact_image(1, 3, 64, 64),)), "llvm -mcpu=cortex-a9")
    image = exact_image(1, 3, 64, 64, seed=1).numpy()
    (found,) = run(artifact, "llvm -mcpu=cortex-a9", [image], tmp_path)
    np.testing.assert_array_equal(found, reference(artifact, [image])[0])
    assert len(np.unique(found)) > 100


@pytest.mark.parametrize(("target", "bits"), [("raspberry-pi-5", 8), ("llvm -mcpu=neoverse-v1", 2)])
def test_levels_are_multiplied_where_the_target_can(
    build, target: str, bits: int, tmp_path: Path
) -> None:
    """Binary and sub-bit layers; where floats are rounded, they are alike."""
    generator = torch.Generator().manual_seed(bits)
    signs = torch.randint(0, 2, (24, 16, 3, 3), generator=generator) * 2.0 - 1
    kernels = signs[:4, 0][torch.randint(0, 4, (24, 24), generator=generator)]
    first, second = nn.Conv2d(16, 24, 3, padding=1), nn.Conv2d(24, 24, 3, stride=2)
    first.weight.data, second.weight.data = signs / 32, kernels / 16
    model = nn.Sequential(UniformActivation(bits), first, UniformActivation(bits), second)
    image = torch.rand(1, 16, 9, 11, generator=generator)
    artifact = build(detect(model.eval(), (image,)), target)
    assert {row.strategy for row in artifact.report.rows} == {"dot_products"}
    (found,) = run(artifact, target, [image.numpy()], tmp_path)
    right = reference(artifact, [image.numpy()])[0]
    np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-5)
    assert len(np.unique(found)) > 100


def test_layers_of_every_kind(small: tuple[str, Artifact, CLibrary]) -> None:
    """Floats may round."""
    target, artifact, library = small
    arrays = list(small_inputs())
    for found, right in zip(
        run_static(artifact, library, target, arrays), reference(artifact, arrays), strict=True
    ):
        np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-5 * np.abs(right).max())


def test_python_on_a_board_gives_the_same_bits(small: tuple[str, Artifact, CLibrary]) -> None:
    """The shared library through ctypes, where there is no TVM, and the static one in a program."""
    target, artifact, library = small
    arrays = list(small_inputs(seed=1))
    found = run_capi(library.shared, arrays, len(artifact.outputs), CPUS[target])
    for mine, right in zip(found, run_static(artifact, library, target, arrays), strict=True):
        assert mine.tobytes() == right.tobytes()
