"""The choices of the cost model for ARM, against the tables that are kept."""

from collections import defaultdict
from pathlib import Path

import pytest

from tvm_snn.bench.arm.kernels import FLOAT_BITS, INT8, KINDS, POPCOUNT, Kind, _parameters
from tvm_snn.bench.arm.machines import MACHINES
from tvm_snn.bench.arm.report import Row, Taken
from tvm_snn.bench.layers_of_resnet18 import LAYERS
from tvm_snn.bench.results import read_rows_of
from tvm_snn.ops import OPERATORS
from tvm_snn.schedules import candidates
from tvm_snn.schedules.subset_gather.responses import with_known_subset
from tvm_snn.target import Features, features_of

RESULTS = Path(__file__).parents[4] / "benchmarks" / "results"
SUBSETS = {kind.name: kind for kind in KINDS if kind.bits < FLOAT_BITS and kind.kernels is not None}
ALLOWED = {"cortex-a9": 1.09, "cortex-a7": 1.09, "neoverse-v1": 1.12}


def chosen(layer: str, kind: Kind, features: Features) -> str:
    """The strategy that a compiled network gets."""
    assert kind.kernels is not None
    described = LAYERS[layer]
    operands = [kind.data(described), *described.weights(kind.kernels, kind.unit)]
    operator = OPERATORS["snn.subset_conv2d"]
    call = operator(*_parameters(operands), **kind.attrs(described), strategy="")
    return candidates(with_known_subset(call, operands[1]), features)[0].name


def cost(taken: Taken) -> int:
    return taken.instructions if taken.cycles is None else taken.cycles


def ratios(cpu: str, kind: str, other: str) -> list[float]:
    """How many times faster the chosen kernel of a kind is than another row, layer by layer."""
    rows = read_rows_of(Row.from_data, RESULTS, f"arm_{cpu}", {})
    theirs = {row.layer: cost(row.taken) for row in rows if row.name == other}
    chosen = [row for row in rows if row.kind == kind and row.chosen]
    assert {row.layer for row in chosen} == set(theirs)
    return [theirs[row.layer] / cost(row.taken) for row in chosen]


@pytest.mark.parametrize(
    ("cpu", "kind", "other", "least"),
    [
        *(("cortex-a72", kind.name, POPCOUNT, 0.95) for kind in KINDS if kind.bits == 1),
        ("cortex-a72", "SNN W1A1, pairs, K = 16", POPCOUNT, 1.3),
        ("cortex-a72", "SNN W1A1, K = 32", INT8, 7.0),
        ("cortex-a72", "SNN W1A32, K = 32", "SNN W1A32, K = 32, decoded_dense", 3.0),
        *(
            (cpu, f"SNN W1A{bits}, K = 32", INT8, 1.0)
            for cpu in ("cortex-a76", "neoverse-v1")
            for bits in (2, 8)
        ),
    ],
)
def test_every_layer_of_the_tables_is_as_far_ahead_as_it_should_be(
    cpu: str, kind: str, other: str, least: float
) -> None:
    assert min(ratios(cpu, kind, other)) >= least


@pytest.mark.parametrize("cpu", list(MACHINES))
def test_the_choice_is_that_of_the_table_and_the_fastest_or_nearly(cpu: str) -> None:
    """Within 3 %; more where instructions are counted, or prices are those of another processor."""
    groups = defaultdict(list)
    for row in read_rows_of(Row.from_data, RESULTS, f"arm_{cpu}", {}):
        if row.kind in SUBSETS:
            groups[row.layer, row.kind].append(row)
    assert groups
    features = features_of(MACHINES[cpu].target)
    for (layer, kind), rows in groups.items():
        name = chosen(layer, SUBSETS[kind], features)
        (own,) = (row for row in rows if row.way == name)
        assert own.chosen, (layer, kind)
        fastest = min(cost(row.taken) for row in rows)
        assert cost(own.taken) <= ALLOWED.get(cpu, 1.03) * fastest, (layer, kind, name)
