"""The fixed-point trunk means what the accelerator's ALU does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tvm import relax

from tests.building import tensor
from tvm_snn.errors import ModelError
from tvm_snn.ops import fixed_point_trunk
from tvm_snn.target.vta.isa.encoding import instruction
from tvm_snn.target.vta.isa.instruction_set import ALU, Vector
from tvm_snn.target.vta.packing import pack_parameters
from tvm_snn.target.vta.simulator.epilogue import Parameters, finish

CHANNELS = 3
NAMES = ("scale", "bias", "slope", "low", "high")


@given(st.integers(0, 2**32 - 1), st.integers(0, 31), st.booleans(), st.booleans())
def test_it_is_what_the_alu_computes(seed, shift, residual, extreme):
    rng = np.random.default_rng(seed)
    most = 2**15 if extreme else 300
    sums = rng.integers(-4608, 4609, (1, 2, 2, CHANNELS)).astype(np.int32)
    low, high = np.sort(rng.integers(-most, most, (2, CHANNELS)), axis=0).astype(np.int16)
    given_numbers = {
        "scale": rng.integers(-most, most, CHANNELS).astype(np.int16),
        "bias": rng.integers(-(2**31), 2**31, CHANNELS).astype(np.int32),
        "slope": rng.integers(-most, most, CHANNELS).astype(np.int16),
        "low": low,
        "high": high,
    }
    added = rng.integers(-most, most, sums.shape).astype(np.int16) if residual else None

    found = fixed_point_trunk.reference(sums, *given_numbers.values(), added, shift=shift)

    lines = pack_parameters(CHANNELS, **given_numbers).reshape(CHANNELS, -1)
    alu = instruction(
        ALU,
        tiles=1,
        groups=1,
        affine=True,
        shift=shift,
        residual=residual,
        prelu=True,
        clip=True,
        vector=Vector.SIGN,
    )
    planes = sums.reshape(-1, CHANNELS).T
    other = np.zeros((), np.int64) if added is None else added.reshape(-1, CHANNELS).T
    wanted = finish(planes, other.astype(np.int64), Parameters.of(lines), alu)
    assert np.array_equal(found.reshape(-1, CHANNELS).T, wanted)
    assert found.dtype == np.int16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bias": np.zeros(2, np.int32)}, "2 numbers of 'bias' for 3 channels"),
        ({"scale": np.zeros(3, np.int32)}, "'scale' has dtype int32"),
        ({"shift": 32}, "shift is 32, expected 0 to 31"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    dtypes = ("int16", "int32", "int16", "int16", "int16")
    arrays = {n: np.zeros(CHANNELS, d) for n, d in zip(NAMES, dtypes, strict=True)}
    shift = change.pop("shift", 0)
    constants = [relax.const(array) for array in (arrays | change).values()]
    sums = tensor("sums", 1, 2, 2, CHANNELS, dtype="int32")

    with pytest.raises(ModelError, match=message):
        relax.BlockBuilder().normalize(fixed_point_trunk(sums, *constants, shift=shift))
