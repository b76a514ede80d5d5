"""Layers as plain data."""

import pytest
from tvm import relax

from tests.schedules.cases import Case
from tests.schedules.test_strategy import case
from tvm_snn.errors import ModelError
from tvm_snn.schedules.config import with_config
from tvm_snn.schedules.operation import Operation


def operation(described: Case, **attrs: object) -> Operation:
    call = described.call(*described.parameters())
    return Operation.of(with_config(call, attrs) if attrs else call)


def test_a_description_survives_json_and_gives_its_call_back() -> None:
    described = operation(case(8, 9, 16))
    assert Operation.from_data(described.data()) == described
    assert Operation.of(described.call("subset_gather", {"tile": 4})) == described


def test_how_a_layer_is_computed_is_no_part_of_it() -> None:
    plain, tuned = operation(case(8, 9, 16)), operation(case(8, 9, 16, strategy="one"), tile=4)
    assert plain.fingerprint == tuned.fingerprint


@pytest.mark.parametrize(
    "other",
    [
        case(16, 9, 16),
        case(8, 10, 16),
        case(8, 9, 32),
        case(8, 9, 16, "float32"),
        case(8, 9, 16, strides=[2, 2]),
        case(8, 9, 16, data_layout="NHWC", padding=[1, 1, 1, 0]),
    ],
)
def test_every_difference_gives_another_fingerprint(other: Case) -> None:
    assert operation(other).fingerprint != operation(case(8, 9, 16)).fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"operator": "snn.conv9d"},
        {"operator": 3},
        {"operands": []},
        {"operands": [["int8", [1, 8, 9, 9]]]},
        {"operands": [["int8", ["x"]]]},
        {"operands": 7},
        {"attrs": {}},
        {"attrs": [1]},
        {"attrs": {"strides": "ab", "padding": 1, "dilation": 1, "groups": 1, "data_layout": 1}},
    ],
)
def test_what_is_no_layer_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ModelError):
        Operation.from_data(operation(case(8, 9, 16)).data() | change)


def test_symbolic_shapes_are_refused() -> None:
    call = case(8, 9, 16).call(*case(8, 9, 16).parameters())
    loose = relax.Var("x", relax.TensorType(dtype="int8", ndim=4))
    with pytest.raises(ModelError, match="must be static"):
        Operation.of(relax.Call(call.op, [loose, *call.args[1:]], call.attrs))
