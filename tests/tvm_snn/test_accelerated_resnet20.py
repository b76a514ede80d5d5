"""A real network from end to end: image to logits, through both simulators of the accelerator.

Each of the three stages is one region, its residual trunk in fixed point.
"""

import numpy as np
import pytest
import tvm

import tvm_snn
from tests.networks.exact import exact_image, make_exact
from tvm_snn.reference import evaluate
from tvm_snn.zoo import resnet20


@pytest.mark.slow
def test_resnet20_is_bit_exact_on_rtl(tmp_path):
    model = make_exact(resnet20(tau=5), threshold=2.0**-9)
    network = tvm_snn.compile(
        model, "tiny", example_inputs=(exact_image(1, 3, 32, 32),), verify=False
    )
    image = exact_image(1, 3, 32, 32, seed=1).numpy()
    path = tmp_path / "resnet20.snn"
    network.save(path)
    rtl = tvm_snn.load(path, accelerator="rtl")

    found = network(image)

    main = tvm.ir.load_json(network.artifact.network)["main"]
    weights = [weight.array for weight in network.artifact.weights]
    assert np.array_equal(found, evaluate(main, [image, *weights]))
    assert np.array_equal(rtl(image), found)
    assert len(np.unique(found)) > 5
    layers = [row for row in network.report().rows if row.strategy == "accelerator"]
    assert len(layers) == 18
    assert [len(region.layers) for region in rtl.region_cycles()] == [6, 6, 6]
    assert sum(rtl.accelerator.cycles.values()) > 100_000
