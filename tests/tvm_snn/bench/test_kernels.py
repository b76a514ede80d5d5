import numpy as np
import pytest

from tests.tvm_snn.bench.measured import TINY, silent
from tvm_snn import VerificationError
from tvm_snn.bench import kernels as bench_kernels
from tvm_snn.bench.kernels import BINARY, KINDS, SINGLE, kernels
from tvm_snn.bench.layers import measure_layers
from tvm_snn.bench.targets import bench_targets
from tvm_snn.ops import OPERATORS
from tvm_snn.ops.packed_signs import pack
from tvm_snn.schedules.operation import Operation
from tvm_snn.schedules.records import Record
from tvm_snn.target import features_of, parse_target

AVX2 = "llvm -mcpu=haswell"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_strategy_of_a_kind(kind) -> None:
    found = list(kernels(TINY, kind, parse_target("host")))
    assert len({kernel.name for kernel in found}) == len(found) >= 2
    assert [kernel.chosen for kernel in found].count(True) == 1
    assert found[0].contender.result().shape == (1, 3, 3, TINY.outputs)
    assert found[0].contender.result().dtype == np.float32


def test_a_record_that_ships_is_what_a_network_gets(monkeypatch) -> None:
    target = parse_target("host")
    arrays = [pack(TINY.image()), TINY.signs()]
    operands = tuple((str(array.dtype), array.shape) for array in arrays)
    operation = Operation("snn.binary_conv2d", operands, _sorted(TINY.attrs))
    record = Record(
        operation=operation,
        features=features_of(target),
        strategy="decoded_dense",
        config={},
        microseconds=1.0,
        default_strategy="xnor_popcount",
        default_microseconds=2.0,
        target="host",
        threads=1,
        processor="",
        date="",
        versions={},
    )
    monkeypatch.setattr(bench_kernels, "shipped_records", lambda: (record,))
    found = [kernel.name for kernel in kernels(TINY, BINARY, target) if kernel.chosen]
    assert found == ["decoded_dense (tuned)"]


def _sorted(attrs):
    frozen = {k: tuple(v) if isinstance(v, list) else v for k, v in attrs.items()}
    return tuple(sorted(frozen.items()))


def test_a_wrong_kernel_is_not_timed(monkeypatch) -> None:
    operator = OPERATORS["snn.binary_conv2d"]
    wrong = type(operator)(
        operator.name,
        operator.doc,
        operator.infer_type,
        lambda *arguments, **attrs: operator.reference(*arguments, **attrs) + 1,
    )
    monkeypatch.setitem(OPERATORS, operator.name, wrong)
    with pytest.raises(VerificationError, match="gives a wrong result for 16-24@5/2"):
        list(kernels(TINY, BINARY, parse_target("host")))


def test_layers_are_measured_at_every_number_of_threads() -> None:
    targets = bench_targets(AVX2)
    (rows,) = measure_layers([TINY], targets, [], [1, 2], 1, silent(), [SINGLE])
    assert {(row.threads, row.target) for row in rows} == {(1, "AVX2"), (2, "AVX2")}
    assert all(row.microseconds.best > 0 for row in rows)


def test_a_host_with_avx512_is_also_measured_without() -> None:
    assert list(bench_targets(AVX2)) == ["AVX2"]
    assert list(bench_targets("host")) in (["AVX-512", "AVX2"], ["AVX2"], ["128-bit vectors"])
