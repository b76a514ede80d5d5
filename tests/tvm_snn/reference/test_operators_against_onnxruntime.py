"""Single ONNX operators, imported through TVM's frontend, against onnxruntime."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from tvm.relax.frontend.onnx import from_onnx

from tvm_snn.reference import evaluate

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 4, 6, 5)).astype(np.float32)
INTS = np.arange(-9, 15, dtype=np.int64).reshape(2, 4, 3)


def floats(*shape: int) -> np.ndarray:
    return RNG.uniform(0.2, 1.5, shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


# name of the case: operator, constant inputs behind the data, attributes
NODES = {
    "ArgMax": ("ArgMax", [], {"axis": 1, "keepdims": 0}),
    "AveragePool": ("AveragePool", [], {"kernel_shape": [3, 3], "pads": [1, 0, 1, 1]}),
    "AveragePool_ceil": (
        "AveragePool",
        [],
        {"kernel_shape": [2, 3], "strides": [2, 2], "ceil_mode": 1, "count_include_pad": 1},
    ),
    "AveragePool_same": (
        "AveragePool",
        [],
        {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
    ),
    "BatchNormalization": (
        "BatchNormalization",
        [floats(4), floats(4), floats(4), floats(4)],
        {"epsilon": 1e-3},
    ),
    "Cast": ("Cast", [], {"to": onnx.TensorProto.INT32}),
    "Conv": ("Conv", [floats(6, 2, 3, 3), floats(6)], {"group": 2, "pads": [0, 1, 2, 0]}),
    "Conv_dilated": ("Conv", [floats(3, 4, 2, 2)], {"dilations": [2, 3], "strides": [2, 1]}),
    "ConvTranspose": (
        "ConvTranspose",
        [floats(4, 3, 3, 3), floats(6)],
        {"group": 2, "strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 0]},
    ),
    "CumSum": ("CumSum", [ints(2)], {}),
    "CumSum_exclusive": ("CumSum", [ints(1)], {"exclusive": 1}),
    "DepthToSpace": ("DepthToSpace", [], {"blocksize": 2, "mode": "CRD"}),
    "Div": ("Div", [floats(4, 1, 1)], {}),
    "Elu": ("Elu", [], {"alpha": 0.7}),
    "Erf": ("Erf", [], {}),
    "Expand": ("Expand", [ints(3, 2, 4, 6, 5)], {}),
    "Flatten": ("Flatten", [], {"axis": 2}),
    "Gather": ("Gather", [ints(2, 0, -1)], {"axis": 1}),
    "GatherElements": ("GatherElements", [ints(1, 0, 1).reshape(1, 1, 1, 3)], {"axis": 0}),
    "GatherND": ("GatherND", [ints(0, 3, 1, 2).reshape(2, 2)], {}),
    "Gelu": ("Gelu", [], {}),
    "GlobalAveragePool": ("GlobalAveragePool", [], {}),
    "GlobalMaxPool": ("GlobalMaxPool", [], {}),
    "HardSigmoid": ("HardSigmoid", [], {}),
    "HardSwish": ("HardSwish", [], {}),
    "InstanceNormalization": ("InstanceNormalization", [floats(4), floats(4)], {}),
    "LayerNormalization": ("LayerNormalization", [floats(6, 5), floats(6, 5)], {"axis": 2}),
    "LeakyRelu": ("LeakyRelu", [], {"alpha": 0.3}),
    "LogSoftmax": ("LogSoftmax", [], {"axis": 1}),
    "MatMul": ("MatMul", [floats(5, 3)], {}),
    "Max": ("Max", [floats(5), floats(6, 1)], {}),
    "MaxPool": (
        "MaxPool",
        [],
        {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1], "ceil_mode": 1},
    ),
    "Mean": ("Mean", [floats(5)], {}),
    "PRelu": ("PRelu", [floats(4, 1, 1)], {}),
    "Pow": ("Pow", [np.float32(2)], {}),
    "ReduceL2": ("ReduceL2", [ints(2, 3)], {}),
    "ReduceMean": ("ReduceMean", [ints(-1, 2)], {"keepdims": 0}),
    "ReduceProd": ("ReduceProd", [ints(1)], {}),
    "ReduceSum": ("ReduceSum", [ints(0)], {}),
    "Reshape": ("Reshape", [ints(0, -1, 10)], {}),
    "Round": ("Round", [], {}),
    "Selu": ("Selu", [], {}),
    "Sign": ("Sign", [], {}),
    "Slice": ("Slice", [ints(-1, 0), ints(-9, 4), ints(1, 2), ints(-2, 1)], {}),
    "Softmax": ("Softmax", [], {"axis": 1}),
    "Softplus": ("Softplus", [], {}),
    "Softsign": ("Softsign", [], {}),
    "SpaceToDepth": ("SpaceToDepth", [], {"blocksize": 1}),
    "Split": ("Split", [ints(1, 3)], {"axis": 1}),
    "ThresholdedRelu": ("ThresholdedRelu", [], {"alpha": 0.5}),
    "TopK": ("TopK", [ints(2)], {"axis": 1}),
    "Transpose": ("Transpose", [], {"perm": [0, 2, 3, 1]}),
    "Trilu": ("Trilu", [], {"upper": 0}),
    "Unsqueeze": ("Unsqueeze", [ints(1, -1)], {}),
}

ON_INTEGERS = {
    "Abs": ("Abs", [], {}),
    "Div": ("Div", [ints(4, -3, 2)], {}),
    "Gather": ("Gather", [ints(1)], {"axis": 2}),
    "Mod": ("Mod", [ints(4, -3, 5)], {}),
    "Mul": ("Mul", [ints(4, -3, 5)], {}),
    "OneHot": ("OneHot", [np.int64(5), ints(0, 1)], {}),
    "ScatterElements": (
        "ScatterElements",
        [np.zeros((1, 4, 3), np.int64), ints(*range(12)).reshape(1, 4, 3)],
        {},
    ),
    "Where": ("Equal", [ints(4)], {}),
}


def model_of(operator: str, data: np.ndarray, constants, attributes) -> onnx.ModelProto:
    names = [f"c{i}" for i in range(len(constants))]
    outputs = ["y0", "y1"] if operator in ("Split", "TopK") else ["y0"]
    node = helper.make_node(operator, ["x", *names], outputs, **attributes)
    kind = helper.np_dtype_to_tensor_dtype(data.dtype)
    graph = helper.make_graph(
        [node],
        operator,
        [helper.make_tensor_value_info("x", kind, data.shape)],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(np.asarray(c), n) for n, c in zip(names, constants, strict=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    return onnx.shape_inference.infer_shapes(model)


@pytest.mark.parametrize(
    ("name", "data"),
    [(name, X) for name in NODES] + [(name, INTS) for name in ON_INTEGERS],
    ids=[*NODES, *(f"{name}_int" for name in ON_INTEGERS)],
)
def test_operator_equals_onnxruntime(name, data):
    model = model_of(*_inserted(data, (NODES if data is X else ON_INTEGERS)[name]))
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": data})
    results = evaluate(from_onnx(model)["main"], [data])
    results = results if isinstance(results, tuple) else (results,)
    for result, wanted in zip(results, expected, strict=True):
        assert result.dtype == wanted.dtype
        np.testing.assert_allclose(result, wanted, rtol=1e-4, atol=1e-5)


def _inserted(data, case):
    operator, constants, attributes = case
    return operator, data, constants, attributes
