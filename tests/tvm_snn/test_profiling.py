import pytest

import tvm_snn
from tests.compiled import small_inputs, small_network


def test_every_layer_gets_a_time() -> None:
    network = small_network()
    profile = tvm_snn.profile(network, *small_inputs(), runs=3)
    assert [row.name for row in profile.report.rows] == [
        "stem",
        "layer1.conv",
        "layer2.conv",
        "layer3.conv",
        "fc",
    ]
    assert all(row.microseconds > 0 for row in profile.report.rows)
    assert len(profile.kernels) == len(network.artifact.kernels)
    assert "whole network" in str(profile)


def test_the_network_computes_the_same_afterwards() -> None:
    network = small_network()
    before = network(*small_inputs())[0]
    tvm_snn.profile(network, *small_inputs(), runs=1)
    assert (network(*small_inputs())[0] == before).all()


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(tvm_snn.ModelError, match="a compiled network, not a str"):
        tvm_snn.profile("net.snn", *small_inputs())
    with pytest.raises(tvm_snn.ModelError, match="0 runs measure nothing"):
        tvm_snn.profile(small_network(), *small_inputs(), runs=0)
