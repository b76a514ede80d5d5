"""Points of the design space as decisions in schedules of a workload."""

import pytest
import tvm
import tvm_ffi
from tvm import s_tir

from tests.tvm_snn.tuning.layers import subset_conv2d
from tvm_snn.schedules.strategy import STRATEGIES, candidates
from tvm_snn.target import features_of, parse_target
from tvm_snn.tuning.kernel import measured_call
from tvm_snn.tuning.space import Point, Region, draw, point_of, regions_of, workload

FEATURES = features_of(parse_target("llvm -mcpu=icelake-server"))
REGION = Region("one", (("block", (8, 16)), ("tile", (1, 2, 3))))


def module(**layer: object) -> tvm.IRModule:
    return tvm.IRModule({"main": workload(subset_conv2d(**layer))})


def test_every_point_is_read_back_from_its_schedule() -> None:
    points = list(REGION.points())
    assert len(points) == 6
    for point, numbers in points:
        schedule = draw(s_tir.Schedule(module()), REGION, numbers)
        assert point_of(schedule.mod) == (subset_conv2d(), point)


def test_points_drawn_at_random_lie_in_the_region() -> None:
    _, point = point_of(draw(s_tir.Schedule(module(), seed=1), REGION).mod)
    assert point in dict(REGION.points())


def test_a_strategy_without_knobs_is_one_point() -> None:
    assert list(Region("one", ()).points()) == [(Point("one"), ())]
    schedule = draw(s_tir.Schedule(module()), Region("one", ()), ())
    assert point_of(schedule.mod)[1] == Point("one")


def test_workloads_differ_where_layers_do() -> None:
    assert tvm_ffi.structural_equal(module(), module())
    assert not tvm_ffi.structural_equal(module(), module(data="float32"))
    assert not tvm_ffi.structural_equal(module(stride=1), module(stride=2))


@pytest.mark.parametrize("data", ["uint64", "int8", "float32"])
def test_the_space_holds_every_able_strategy_by_itself_and_with_its_knobs(data: str) -> None:
    operation = subset_conv2d(data, "NHWC")
    call = measured_call(operation)
    regions = regions_of(operation, FEATURES)
    able = [strategy.name for strategy in candidates(call, FEATURES)]
    assert [region.strategy for region in regions[: len(able)]] == able
    assert not any(region.options for region in regions[: len(able)])
    for region in regions[len(able) :]:
        strategy = STRATEGIES[region.strategy]
        assert dict(region.options) == strategy.space(call, FEATURES)
        for point, _ in region.points():
            assert strategy.fault(call, FEATURES, point.config) is None
