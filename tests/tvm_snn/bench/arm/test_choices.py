"""The choices of the cost model for ARM, against the tables that are kept."""

from collections import defaultdict
from pathlib import Path

import pytest

from tvm_snn.bench.arm.kernels import FLOAT_BITS, KINDS, Kind, _parameters
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


@pytest.mark.parametrize("cpu", list(MACHINES))
def test_the_choice_is_that_of_the_table_and_the_fastest_or_nearly(cpu: str) -> None:
    """Within 3 %; where instructions are counted, within 8 %."""
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
        allowed = 1.03 if MACHINES[cpu].wide else 1.09
        assert cost(own.taken) <= allowed * fastest, (layer, kind, name)
