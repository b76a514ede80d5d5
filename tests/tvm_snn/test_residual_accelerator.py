"""Residual networks on an accelerator, their trunk in fixed point: reference, simulators, float."""

import functools

import numpy as np
import pytest
import tvm

import tvm_snn
from tests.networks.residual import IMAGE, residual_network
from tvm_snn.errors import TargetError
from tvm_snn.reference import evaluate


@functools.cache
def _compiled(**given):
    return tvm_snn.compile(residual_network(**given), "tiny", verify=False)


def _image(seed=0):
    return np.random.default_rng(seed).normal(size=IMAGE).astype(np.float32)


def _regions(network):
    return [region.layers for region in network.artifact.accelerator.regions]


def test_a_region_ends_where_the_processor_widens_the_trunk():
    network = _compiled()

    assert _regions(network) == [("unit0", "unit1"), ("unit2",)]
    first, second = network.artifact.accelerator.regions
    assert [port.form for port in first.inputs] == ["image", "residual"]
    assert [port.form for port in first.results] == ["trunk", "activations"]
    assert [port.form for port in second.inputs] == ["image", "residual"]
    assert [port.form for port in second.results] == ["trunk"]


@pytest.mark.parametrize("activation", ["prelu", "clip", "none"])
def test_the_accelerator_computes_the_quantised_network(activation):
    network = _compiled(activation=activation)

    verification = tvm_snn.verify(network, _image(1))

    exact = {check.tensor: check.exact for check in verification.checks}
    programs = network.artifact.accelerator.regions
    assert all(exact[tensor] for region in programs for tensor in region.tensors)


def test_fixed_point_stays_near_the_floats():
    """Signs that change are few: of 768 each, those within rounding of their threshold."""
    main = residual_network()["main"]
    differences = [np.abs(_compiled()(_image(s)) - evaluate(main, [_image(s)])) for s in range(4)]

    assert np.mean(differences) < 0.02
    assert np.std(evaluate(main, [_image(0)])) > 0.5


def test_the_report_states_the_quantisation():
    rows = {row.name: row.strategy_reason for row in _compiled().report().rows}

    for number in range(3):
        assert "its trunk in 16-bit fixed point, steps of 2^-" in rows[f"unit{number}"]
    assert rows["widen"].startswith("on CPU: because")


def test_a_trunk_in_float32_stays_on_the_processor():
    network = tvm_snn.compile(residual_network(), "tiny", trunk="float32", verify=False)

    assert _regions(network) == [("unit0",), ("unit1",), ("unit2",)]
    wanted = evaluate(residual_network()["main"], [_image(3)])
    np.testing.assert_allclose(network(_image(3)), wanted, rtol=1e-4, atol=1e-4)


def test_slopes_that_the_hardware_has_no_number_for_stay_on_the_processor():
    network = tvm_snn.compile(residual_network(slope=2.5), "tiny", verify=False)

    assert _regions(network) == [("unit0",), ("unit1",), ("unit2",)]


def test_a_larger_trunk_has_larger_steps():
    def steps(factor):
        (reason,) = {
            row.strategy_reason
            for row in _compiled(factor=factor).report().rows
            if row.name == "unit0"
        }
        return int(reason.partition("2^-")[2].partition(":")[0])

    assert steps(0.05) > steps(1.0)


def test_an_unknown_trunk_is_named():
    with pytest.raises(TargetError, match=r"no trunk 'int4': give one of fixed16, float32"):
        tvm_snn.compile(residual_network(), "tiny", trunk="int4")


def test_a_profile_has_the_cycles_of_each_region():
    profile = tvm_snn.profile(_compiled(), _image(), runs=1)

    assert [region.layers for region in profile.regions] == _regions(_compiled())
    assert all(region.cycles > 100 and not region.counted for region in profile.regions)
    assert "region 0, unit0 to unit1 (2 layers)" in profile.summary()


@pytest.mark.slow
def test_the_rtl_computes_the_same_in_the_cycles_of_the_model(tmp_path):
    path = tmp_path / "net.snn"
    _compiled().save(path)
    rtl = tvm_snn.load(path, accelerator="rtl")
    image = _image(5)

    found = rtl(image)

    assert np.array_equal(found, _compiled()(image))
    main = tvm.ir.load_json(rtl.artifact.network)["main"]
    weights = [weight.array for weight in rtl.artifact.weights]
    np.testing.assert_allclose(found, evaluate(main, [image, *weights]), rtol=1e-4, atol=1e-4)
    for counted, predicted in zip(rtl.region_cycles(), _compiled().region_cycles(), strict=True):
        assert counted.counted
        assert counted.cycles == pytest.approx(predicted.cycles, rel=0.05)
