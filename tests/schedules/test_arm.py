"""Every strategy under qemu, on 64-bit and 32-bit ARM, equals the reference."""

import shutil

import numpy as np
import pytest

from tests.schedules.kernels import Case, random_data, random_signs
from tests.tvm_snn.bench.arm.emulation import run
from tvm_snn.bench.arm.machines import MACHINES
from tvm_snn.schedules.strategy import STRATEGIES
from tvm_snn.target import features_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not shutil.which("qemu-aarch64-static"), reason="needs the package qemu-user-static"
    ),
]


def layer(
    dtype: str,
    strategy: str,
    *,
    kernels: int = 16,
    unit: int = 1,
    channels: int = 64,
    outputs: int = 64,
    size: int = 7,
    zeros: float = 0.2,
) -> Case:
    """A 3x3 convolution with padding, channels last."""
    generator = np.random.default_rng(kernels + unit + channels + outputs)
    data = random_data(generator, (1, size, size, channels), dtype, zeros)
    indices = generator.integers(0, kernels, (outputs, channels // unit)).astype(np.uint8)
    subset = random_signs(generator, (kernels, unit, 3, 3))
    attrs = {
        "strides": [1, 1],
        "padding": [1, 1, 1, 1],
        "dilation": [1, 1],
        "groups": 1,
        "data_layout": "NHWC",
        "strategy": strategy,
    }
    return Case("snn.subset_conv2d", (data, subset, indices), attrs)


@pytest.mark.parametrize("cpu", ["cortex-a72", "cortex-a9"])
@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize("unit", [1, 2])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_equals_the_reference(
    cpu: str, dtype: str, unit: int, strategy: str
) -> None:
    case, machine = layer(dtype, strategy, unit=unit), MACHINES[cpu]
    call = case.call(*case.parameters())
    if STRATEGIES[strategy].obstacle(call, features_of(machine.target)):
        return
    result = run(case, machine)
    if dtype == "int8":
        np.testing.assert_array_equal(result, case.expected())
    else:
        np.testing.assert_allclose(result, case.expected(), rtol=1e-4, atol=1e-4)
