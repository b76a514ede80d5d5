"""The ways a torch model reaches the frontend."""

import contextlib
import io
import logging
import warnings

import numpy as np
import onnx
import torch

from tvm_snn.reference import evaluate
from tvm_snn.relay_passes.clean import clean
from tvm_snn.relay_passes.layers import layer_bindings


def to_onnx(model, inputs, path, *, dynamo, **options):
    """Export to ONNX without the exporters' chatter; return the path."""
    options.setdefault("input_names", ["image"])
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, inputs, str(path), dynamo=dynamo, verbose=False, **options)
    return path


def to_proto(model, inputs, path, **options):
    return onnx.load(to_onnx(model, inputs, path, **options))


def torch_outputs(model, *inputs):
    with torch.no_grad():
        outputs = model(*inputs)
    outputs = outputs if isinstance(outputs, tuple | list) else [outputs]
    return [output.numpy() for output in outputs]


def run(module, *inputs):
    """Run a module in the reference interpreter; return its outputs as a list."""
    arrays = [np.asarray(value) for value in inputs]
    outputs = evaluate(module["main"], arrays)
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def assert_computes(module, inputs, expected, *, atol=2e-5):
    """Check the module and its cleaned form against outputs."""
    for candidate in (module, clean(module)):
        outputs = run(candidate, *inputs)
        assert len(outputs) == len(expected)
        for output, reference in zip(outputs, expected, strict=True):
            assert output.dtype == reference.dtype
            np.testing.assert_allclose(output, reference, atol=atol, rtol=1e-4)


def names_of_layers(module):
    return [binding.var.name for binding in layer_bindings(module["main"])]
