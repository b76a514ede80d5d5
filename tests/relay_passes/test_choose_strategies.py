import pytest
import tvm
from tvm import relax

from tests.building import module, named, sub_bit_weight, tensor
from tvm_snn.relay_passes.choose_strategies import Choice, choose_strategies, set_strategies
from tvm_snn.relay_passes.detect_layers import detect_layers
from tvm_snn.relay_passes.layers import var_bindings
from tvm_snn.relay_passes.rewrite_layers import rewrite_layers
from tvm_snn.schedules import candidates
from tvm_snn.schedules.config import config_of
from tvm_snn.schedules.operation import Operation
from tvm_snn.schedules.records import Record, Records
from tvm_snn.target import features_of, parse_target
from tvm_snn.tvm_api import attrs_dict

AVX2 = features_of(parse_target("llvm -mcpu=haswell"))


@pytest.fixture(scope="module")
def rewritten() -> tvm.IRModule:
    def body(builder, x):
        x = named(
            builder,
            "a.conv",
            relax.op.nn.conv2d(builder.emit(relax.op.sign(x)), relax.const(sub_bit_weight(32, 16))),
        )
        return named(builder, "b.conv", relax.op.nn.conv2d(x, relax.const(sub_bit_weight(32, 32))))

    before = module([tensor("x", 1, 16, 9, 9)], body)
    return rewrite_layers(detect_layers(before))(before)


def _strategies(network: tvm.IRModule) -> dict[str, str]:
    calls = {str(b.var.name): b.value for b in var_bindings(network["main"])}
    return {name: attrs_dict(calls[name])["strategy"] for name in ("a.conv", "b.conv")}


def test_every_binary_layer_gets_a_strategy_and_a_reason(rewritten: tvm.IRModule) -> None:
    choices = choose_strategies(rewritten, AVX2)
    assert list(choices) == ["a.conv", "b.conv"]
    assert all(choice.strategy for choice in choices.values())
    assert all(choice.reason.startswith("cost model: ") for choice in choices.values())


def test_a_record_decides_before_the_cost_model(rewritten: tvm.IRModule) -> None:
    (call,) = [b.value for b in var_bindings(rewritten["main"]) if b.var.name == "a.conv"]
    other = candidates(call, AVX2)[-1].name
    record = Record(
        Operation.of(call), AVX2, other, {"tile": 4}, 10.0, "slow", 15.0, "", 1, "a processor",
        "2026-11-21", {},
    )  # fmt: skip
    choices = choose_strategies(rewritten, AVX2, Records([record]))
    assert choices["a.conv"] == Choice(
        other,
        "tuned record of 2026-11-21 (tile 4): 1.50 times as fast as slow on a processor, 1 thread",
        {"tile": 4},
    )
    assert choices["b.conv"].reason.startswith("cost model: ")
    tuned = set_strategies(choices)(rewritten)
    calls = {str(b.var.name): b.value for b in var_bindings(tuned["main"])}
    assert config_of(calls["a.conv"]) == {"tile": 4}
    assert config_of(calls["b.conv"]) == {}


def test_choices_are_written_into_the_calls(rewritten: tvm.IRModule) -> None:
    assert _strategies(rewritten) == {"a.conv": "", "b.conv": ""}
    choices = {"a.conv": Choice("one", ""), "b.conv": Choice("two", "")}
    assert _strategies(set_strategies(choices)(rewritten)) == {"a.conv": "one", "b.conv": "two"}


def test_nothing_else_changes(rewritten: tvm.IRModule) -> None:
    there = set_strategies({"a.conv": Choice("one", ""), "b.conv": Choice("two", "")})(rewritten)
    back = set_strategies({"a.conv": Choice("", ""), "b.conv": Choice("", "")})(there)
    tvm.ir.assert_structural_equal(back, rewritten)
