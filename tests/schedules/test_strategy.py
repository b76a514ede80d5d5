"""The choice among strategies, and what happens when none can be taken."""

from dataclasses import replace

import numpy as np
import pytest
from tvm import relax
from tvm.target import Target

from tests.schedules.kernels import Case, random_data, random_signs
from tvm_snn import errors
from tvm_snn.ops import OPERATORS, fixed_point_trunk
from tvm_snn.schedules import LEGALIZATIONS, STRATEGIES, candidates, choose
from tvm_snn.schedules.config import with_config
from tvm_snn.target import Features, features_of, parse_target

AVX512 = features_of(parse_target("llvm -mcpu=icelake-server"))
SKYLAKE = features_of(parse_target("llvm -mcpu=skylake-avx512"))
AVX2 = features_of(parse_target("llvm -mcpu=haswell"))
A72 = features_of(parse_target("raspberry-pi-4"))
A76 = features_of(parse_target("raspberry-pi-5"))
A53 = features_of(parse_target("raspberry-pi-3"))
A9 = features_of(parse_target("llvm -mcpu=cortex-a9"))


def case(channels: int, size: int, kernels: int, dtype: str = "int8", **attrs: object) -> Case:
    generator = np.random.default_rng(0)
    data = random_data(generator, (1, channels, size, size), dtype)
    subset = random_signs(generator, (kernels, 1, 3, 3))
    indices = generator.integers(0, kernels, (channels, channels)).astype(np.uint8)
    geometry = {
        "strides": [1, 1],
        "padding": [1, 1, 1, 1],
        "dilation": [1, 1],
        "groups": 1,
        "data_layout": "NCHW",
    }
    return Case("snn.subset_conv2d", (data, subset, indices), geometry | attrs)


def call(*args: object, **attrs: object) -> relax.Call:
    described = case(*args, **attrs)
    return described.call(*described.parameters())


def test_every_operator_and_dtype_has_a_strategy() -> None:
    generator = np.random.default_rng(0)
    signs = random_signs(generator, (8, 24))
    subset, indices = random_signs(generator, (4, 8, 1, 1)), np.zeros((8, 3), np.uint8)
    for dtype in ("int8", "float32"):
        data = random_data(generator, (2, 24), dtype)
        for dense in (
            Case("snn.binary_dense", (data, signs)),
            Case("snn.subset_dense", (data, subset, indices)),
        ):
            assert candidates(dense.call(*dense.parameters()), AVX2)
        assert candidates(call(8, 8, 8, dtype), AVX2)


def test_many_outputs_share_responses_few_do_not() -> None:
    # More kernels than two shuffles can look up.
    assert choose(call(1024, 7, 64), AVX2)[0].name == "subset_gather"
    assert choose(call(64, 56, 256), AVX512)[0].name == "xnor_popcount"


def test_without_a_popcount_instruction_the_gather_wins_earlier() -> None:
    gather, counting = STRATEGIES["subset_gather"].cycles, STRATEGIES["xnor_popcount"].cycles
    layer = call(64, 56, 32)
    assert gather(layer, AVX2) / counting(layer, AVX2) < gather(layer, AVX512) / counting(
        layer, AVX512
    )


@pytest.mark.parametrize(("kernels", "name"), [(16, "subset_lookup"), (32, "xnor_popcount")])
def test_pairs_are_looked_up_where_the_first_cache_holds_their_table(
    kernels: int, name: str
) -> None:
    """On a Cortex-A72, for 64 channels: tables of 16 and of 32 KB, in a cache of 32 KB."""
    generator = np.random.default_rng(0)
    data = random_data(generator, (1, 64, 56, 56), "int8")
    subset = random_signs(generator, (kernels, 2, 3, 3))
    indices = generator.integers(0, kernels, (64, 32)).astype(np.uint8)
    pairs = Case("snn.subset_conv2d", (data, subset, indices), case(8, 8, 8).attrs)
    assert choose(pairs.call(*pairs.parameters()), A72)[0].name == name


@pytest.mark.parametrize(
    ("features", "unit", "kernels", "channels", "size", "names"),
    [
        pytest.param(A72, 1, 32, 64, 56, ["xnor_popcount", "subset_lookup"], id="a72"),
        pytest.param(A76, 1, 32, 64, 56, ["xnor_popcount", "subset_lookup"], id="a76, 64@56"),
        pytest.param(A76, 1, 32, 128, 28, ["subset_lookup", "xnor_popcount"], id="a76, 128@28"),
        # A lookup takes one instruction of its cycles there; on a Cortex-A72 five of two pipes.
        pytest.param(A53, 1, 32, 64, 56, ["subset_lookup", "xnor_popcount"], id="a53, 64@56"),
        pytest.param(A53, 1, 32, 128, 28, ["subset_lookup", "xnor_popcount"], id="a53, 128@28"),
        pytest.param(A53, 1, 32, 512, 7, ["subset_lookup", "xnor_popcount"], id="a53, 512@7"),
        pytest.param(A9, 1, 32, 512, 7, ["xnor_popcount", "subset_lookup"], id="a9, K = 32"),
        pytest.param(A9, 1, 16, 128, 28, ["subset_lookup", "xnor_popcount"], id="a9, K = 16"),
        pytest.param(A9, 2, 32, 512, 7, ["subset_gather", "subset_lookup"], id="a9, pairs"),
        pytest.param(A9, 2, 16, 512, 7, ["subset_lookup", "subset_gather"], id="a9, pairs, K = 16"),
    ],
)
def test_each_arm_processor_gets_what_is_fastest_by_its_own_prices(
    features: Features, unit: int, kernels: int, channels: int, size: int, names: list[str]
) -> None:
    """As `python -m tvm_snn.bench.arm` finds it: cycles of a model, instructions of a Cortex-A9."""
    generator = np.random.default_rng(0)
    data = random_data(generator, (1, size, size, channels), "int8")
    subset = random_signs(generator, (kernels, unit, 3, 3))
    indices = generator.integers(0, kernels, (channels, channels // unit)).astype(np.uint8)
    attrs = case(8, 8, 8).attrs | {"data_layout": "NHWC"}
    layer = Case("snn.subset_conv2d", (data, subset, indices), attrs)
    able = candidates(layer.call(*layer.parameters()), features)
    assert [strategy.name for strategy in able if strategy.name in names] == names


def test_float_data_are_never_counted() -> None:
    names = [strategy.name for strategy in candidates(call(64, 14, 32, "float32"), AVX512)]
    assert names == ["subset_gather", "decoded_dense"]


def test_the_reason_names_costs_and_what_decides() -> None:
    strategy, reason = choose(call(512, 7, 64), SKYLAKE)
    assert reason.startswith("64 responses of an input unit serve 512 outputs")
    for name in (strategy.name, "xnor_popcount"):
        assert name in reason


def test_a_unit_too_large_for_bytes_is_an_obstacle() -> None:
    generator = np.random.default_rng(0)
    data = random_data(generator, (1, 15, 5, 5), "int8")
    subset, indices = random_signs(generator, (4, 15, 3, 3)), np.zeros((2, 1), np.uint8)
    large = Case("snn.subset_conv2d", (data, subset, indices), case(8, 8, 8).attrs)
    obstacle = STRATEGIES["subset_gather"].obstacle(large.call(*large.parameters()), AVX2)
    assert obstacle == "a unit of 135 weights overflows a response of 8 bits"


@pytest.mark.parametrize(
    ("described", "features", "message"),
    [
        (case(8, 8, 64), SKYLAKE, "a lookup chooses from 32 kernels, not from 64"),
        (case(8, 8, 32, "float32"), AVX512, "activations are not signs"),
        (case(8, 8, 65), AVX512, "a lookup chooses from 64 kernels, not from 65"),
        (case(3641, 3, 32), AVX512, "a sum of 32769 products overflows 16 bits"),
    ],
)
def test_obstacles_to_a_lookup(described: Case, features: Features, message: str) -> None:
    lookup = STRATEGIES["subset_lookup"]
    assert lookup.obstacle(described.call(*described.parameters()), features) == message


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (
            "lookup",
            "known are subset_lookup, subset_gather, xnor_popcount, dot_products, decoded_dense",
        ),
        ("xnor_popcount", "cannot compute a snn.subset_conv2d: activations are not signs"),
    ],
)
def test_a_strategy_that_cannot_be_taken_is_refused(strategy: str, message: str) -> None:
    wrong = call(8, 8, 8, "float32", strategy=strategy)
    with parse_target("host"), pytest.raises(errors.ModelError, match=message):
        LEGALIZATIONS["snn.subset_conv2d"](relax.BlockBuilder(), wrong)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"magic": 1}, "has the knobs magic; xnor_popcount has tile here"),
        ({"tile": 3}, "sets tile to 3; xnor_popcount has 2, 4 here"),
    ],
)
def test_a_configuration_that_a_strategy_lacks_is_refused(
    config: dict[str, int], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    knobbed = replace(STRATEGIES["xnor_popcount"], space=lambda _call, _features: {"tile": (2, 4)})
    monkeypatch.setitem(STRATEGIES, "xnor_popcount", knobbed)
    wrong = with_config(call(8, 8, 8, strategy="xnor_popcount"), config)
    with parse_target("host"), pytest.raises(errors.ModelError, match=message):
        LEGALIZATIONS["snn.subset_conv2d"](relax.BlockBuilder(), wrong)


def test_lowering_without_a_target_is_refused() -> None:
    assert Target.current(allow_none=True) is None
    with pytest.raises(errors.TargetError, match="inside `with target:`"):
        LEGALIZATIONS["snn.subset_conv2d"](relax.BlockBuilder(), call(8, 8, 8))


def test_an_unknown_operator_is_refused() -> None:
    x = relax.Var("x", relax.TensorType((1, 2), "float32"))
    with pytest.raises(ValueError, match=r"relax\.add is not an operator of this project"):
        choose(relax.op.add(x, x), AVX2)


def test_legalizations_cover_every_operator() -> None:
    # Trunks in fixed point are there for layers on an accelerator alone.
    assert set(OPERATORS) - {fixed_point_trunk.name} <= set(LEGALIZATIONS)
