import pytest
import tvm
from tvm import relax

from tests.building import module, named, sub_bit_weight, tensor
from tvm_snn.relay_passes.choose_strategies import Choice, choose_strategies, set_strategies
from tvm_snn.relay_passes.detect_layers import detect_layers
from tvm_snn.relay_passes.layers import var_bindings
from tvm_snn.relay_passes.rewrite_layers import rewrite_layers
from tvm_snn.target import features_of, parse_target
from tvm_snn.tvm_api import attrs_dict


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
    choices = choose_strategies(rewritten, features_of(parse_target("llvm -mcpu=haswell")))
    assert list(choices) == ["a.conv", "b.conv"]
    assert all(choice.strategy and choice.reason for choice in choices.values())


def test_choices_are_written_into_the_calls(rewritten: tvm.IRModule) -> None:
    assert _strategies(rewritten) == {"a.conv": "", "b.conv": ""}
    choices = {"a.conv": Choice("one", ""), "b.conv": Choice("two", "")}
    assert _strategies(set_strategies(choices)(rewritten)) == {"a.conv": "one", "b.conv": "two"}


def test_nothing_else_changes(rewritten: tvm.IRModule) -> None:
    there = set_strategies({"a.conv": Choice("one", ""), "b.conv": Choice("two", "")})(rewritten)
    back = set_strategies({"a.conv": Choice("", ""), "b.conv": Choice("", "")})(there)
    tvm.ir.assert_structural_equal(back, rewritten)
