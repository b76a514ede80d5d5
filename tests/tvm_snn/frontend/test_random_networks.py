"""Random networks: the imported module computes what onnxruntime and PyTorch compute."""

import numpy as np
import onnxruntime
import pytest

from tests.networks.random_cnn import random_cnn
from tests.tvm_snn.frontend.exports import assert_computes, to_onnx, torch_outputs
from tvm_snn.frontend import import_model


def onnxruntime_outputs(path, x):
    options = onnxruntime.SessionOptions()
    # Its optimiser fuses Pad into pools that its own pools then refuse.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x.numpy()})


@pytest.mark.parametrize("seed", range(12))
def test_through_torch_export(seed):
    model, x = random_cnn(seed)
    assert_computes(import_model(model, (x,)), (x,), torch_outputs(model, x))


@pytest.mark.parametrize("seed", range(12, 32))
def test_through_the_older_onnx_exporter(seed, tmp_path):
    model, x = random_cnn(seed)
    path = to_onnx(model, (x,), tmp_path / "net.onnx", dynamo=False)
    assert_computes(import_model(path), (x,), onnxruntime_outputs(path, x))


@pytest.mark.parametrize("seed", range(32, 38))
def test_through_the_dynamo_onnx_exporter(seed, tmp_path):
    model, x = random_cnn(seed)
    path = to_onnx(model, (x,), tmp_path / "net.onnx", dynamo=True)
    assert_computes(import_model(path), (x,), onnxruntime_outputs(path, x))


def test_random_networks_differ_and_repeat():
    """What the tests above rest on: a seed means one network, two seeds mean two."""
    first, x = random_cnn(3)
    again, y = random_cnn(3)
    assert str(first) == str(again)
    assert np.array_equal(x.numpy(), y.numpy())
    assert len({str(random_cnn(seed)[0]) for seed in range(38)}) == 38
