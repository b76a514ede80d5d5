"""C libraries for ARM, under emulation, against the reference interpreter."""

from collections.abc import Callable

import numpy as np
import pytest
import tvm
from numpy.typing import NDArray

from tests.networks.exact import exact_image, make_exact
from tests.tvm_snn.c_runtime import programs
from tvm_snn import zoo
from tvm_snn.artifact import Artifact
from tvm_snn.c_runtime import export_c
from tvm_snn.compiler import Detected, build, detect
from tvm_snn.reference import evaluate
from tvm_snn.target import parse_target

MACHINES = [
    pytest.param("llvm -mcpu=cortex-a72", programs.cortex_a72, id="cortex-a72"),
    pytest.param("pynq-z2", programs.cortex_a9, id="pynq-z2"),
]


def reference(artifact: Artifact, arrays: list[NDArray]) -> NDArray:
    function = tvm.ir.load_json(artifact.network)["main"]
    return evaluate(function, [*arrays, *(weight.array for weight in artifact.weights)])


@pytest.fixture(scope="module")
def sub_bit() -> Detected:
    """A whole ResNet-20, W1A1, whose floats are exact."""
    return detect(make_exact(zoo.resnet20(tau=4)), (exact_image(1, 3, 32, 32),))


@pytest.mark.slow
@pytest.mark.parametrize(("target", "machine"), MACHINES)
def test_a_sub_bit_network_is_bit_exact(
    sub_bit: Detected, target: str, machine: Callable[[], programs.Machine], tmp_path
) -> None:
    artifact = build(sub_bit, parse_target(target))
    library = export_c(artifact, tmp_path / "net.so")
    image = exact_image(1, 3, 32, 32, seed=1).numpy()
    (found,) = programs.run_library(library, artifact.outputs, [image], machine())
    np.testing.assert_array_equal(found, reference(artifact, [image]))
