"""Networks of which a part is computed for slices of the batch."""

from pathlib import Path

import numpy as np
import pytest
import tvm

import tvm_snn
from tests.compiled import small_inputs, small_module, small_network
from tests.networks.residual import residual_network
from tvm_snn.relay_passes import slice_batch
from tvm_snn.relay_passes.layers import var_bindings


@pytest.fixture(scope="module")
def sliced() -> tvm_snn.Network:
    """The network of `small_module` with every image on its own, as far as images go."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(slice_batch, "WHOLE_BATCH_BYTES", 0)
        return tvm_snn.compile(small_module(), verify=False)


def test_slices_give_the_results_of_the_whole_batch(sliced: tvm_snn.Network) -> None:
    inputs = small_inputs()
    assert len(sliced.artifact.kernels) > len(small_network().artifact.kernels)
    for whole, part in zip(small_network()(*inputs), sliced(*inputs), strict=True):
        assert np.array_equal(whole, part)


def test_every_tensor_of_a_sliced_network_is_verified(sliced: tvm_snn.Network) -> None:
    found, whole = (tvm_snn.verify(network) for network in (sliced, small_network()))
    assert {check.tensor for check in found.cores} == {check.tensor for check in whole.cores}
    main = tvm.ir.load_json(sliced.artifact.network)["main"]
    tensors = {str(binding.var.name) for binding in var_bindings(main)}
    assert {check.tensor for check in found.checks} <= tensors
    assert {check.tensor for check in whole.checks} <= {check.tensor for check in found.checks}


def test_a_wrong_slice_is_found(sliced: tvm_snn.Network, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = [kernel for kernel in sliced.artifact.kernels if "layer1.conv@1" in kernel.computes]
    (kernel,) = kernels
    capture = type(sliced).capture

    def wrong(network, arrays):
        calls = capture(network, arrays)
        place = network.artifact.kernels.index(kernel)
        calls[place][1][-1].flat[0] += 1
        return calls

    monkeypatch.setattr(type(sliced), "capture", wrong)
    with pytest.raises(tvm_snn.VerificationError, match="disagrees"):
        tvm_snn.verify(sliced)


def test_profile_and_report_know_the_layers(sliced: tvm_snn.Network) -> None:
    profile = tvm_snn.profile(sliced, *small_inputs(), runs=1)
    rows = {row.name: row for row in profile.report.rows}
    assert all(row.microseconds is not None for row in rows.values())
    slices = [k for k in profile.kernels if "layer1.conv" in k.computes]
    assert sum(k.microseconds for k in slices) == pytest.approx(rows["layer1.conv"].microseconds)
    assert len(slices) >= 2
    assert "of the batch 1 at a time" in rows["layer1.conv"].strategy_reason


def test_saved_and_in_c_a_sliced_network_computes_the_same(
    sliced: tvm_snn.Network, tmp_path: Path
) -> None:
    sliced.save(tmp_path / "net.snn")
    again = tvm_snn.load(tmp_path / "net.snn")
    inputs = small_inputs(1)
    for one, other in zip(sliced(*inputs), again(*inputs), strict=True):
        assert np.array_equal(one, other)
    # Compares the library with the network before it writes anything. The plan is the artifact's.
    assert again.export_c(tmp_path / "net.so").shared.exists()


def test_packed_signs_between_residual_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slice_batch, "WHOLE_BATCH_BYTES", 4096)
    # Verified when it is compiled.
    network = tvm_snn.compile(residual_network())
    assert any("unit1@1" in kernel.computes for kernel in network.artifact.kernels)
    assert not any("mean@1" in kernel.computes for kernel in network.artifact.kernels)
