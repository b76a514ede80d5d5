"""The configuration that a call carries."""

import tvm
from tvm import relax

from tvm_snn.ops import binary_dense
from tvm_snn.schedules.config import config_of, with_config
from tvm_snn.tvm_api import attrs_dict


def call(**attrs: object) -> relax.Call:
    data = relax.Var("data", relax.TensorType((1, 8), "int8"))
    weight = relax.Var("weight", relax.TensorType((4, 8), "int8"))
    return binary_dense(data, weight, **attrs)


def test_a_call_without_a_configuration_has_an_empty_one() -> None:
    assert config_of(call(strategy="")) == {}


def test_what_is_set_is_read_and_everything_else_stays() -> None:
    tuned = with_config(call(strategy="one"), {"tile": 4, "block": 64})
    assert config_of(tuned) == {"tile": 4, "block": 64}
    assert attrs_dict(tuned)["strategy"] == "one"
    assert config_of(with_config(tuned, {"chunk": 3})) == {"chunk": 3}


def test_an_empty_configuration_leaves_no_trace() -> None:
    plain = call(strategy="")
    back = with_config(with_config(plain, {"tile": 4}), {})
    tvm.ir.assert_structural_equal(back.attrs, plain.attrs)


def test_a_configuration_survives_storing() -> None:
    tuned = with_config(call(strategy=""), {"tile": 4})
    assert config_of(tvm.ir.load_json(tvm.ir.save_json(tuned))) == {"tile": 4}
