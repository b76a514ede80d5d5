"""What import_model promises: names, inputs, outputs, and models left as they were."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import tvm
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional
from tvm.script import ir as I
from tvm.script import relax as R

from tests.tvm_snn.frontend.exports import (
    assert_computes,
    names_of_layers,
    run,
    to_onnx,
    to_proto,
    torch_outputs,
)
from tvm_snn.frontend import import_model
from tvm_snn.frontend.onnx_constants import ReduceSum
from tvm_snn.relay_passes.clean import clean
from tvm_snn.relay_passes.layers import layer_bindings, operator_name, var_bindings

RNG = np.random.default_rng(0)
X = torch.randn(1, 2, 8, 8, generator=torch.Generator().manual_seed(0))


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.ModuleDict({"left": nn.Conv2d(2, 3, 3), "right": nn.Conv2d(2, 3, 3)})
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(108, 4, bias=False))

    def forward(self, image, mask):
        both = self.body["left"](image) * self.body["right"](mask)
        return self.head(both), torch.sign(both)


def parameters(module):
    return [parameter.name for parameter in module["main"].params]


def weight_computed_by(nodes, constants, opset):
    """A 1x1 convolution (2 to 4 channels) whose weight `w` the nodes compute from constants."""
    graph = helper.make_graph(
        [*nodes, helper.make_node("Conv", ["x", "w"], ["y"])],
        "computed weight",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 2, 5, 5))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4, 5, 5))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


COMPUTED_WEIGHTS = {
    "Softmax": (
        [helper.make_node("Softmax", ["a"], ["w"], axis=1)],
        {"a": RNG.normal(size=(4, 2, 1, 1)).astype(np.float32)},
    ),
    "DequantizeLinear": (
        [helper.make_node("DequantizeLinear", ["a", "scale"], ["w"])],
        {
            "a": RNG.choice([-1, 1], (4, 2, 1, 1)).astype(np.int8),
            "scale": np.array(0.5, np.float32),
        },
    ),
}


@pytest.mark.parametrize("opset", [11, 12, 13, 18, 21])
@pytest.mark.parametrize("operator", COMPUTED_WEIGHTS)
def test_weights_are_folded_as_their_opset_computes_them(operator, opset):
    model = weight_computed_by(*COMPUTED_WEIGHTS[operator], opset)
    x = RNG.normal(size=(1, 2, 5, 5)).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    module = clean(import_model(model))
    assert_computes(module, [x], session.run(None, {"x": x}))
    (conv,) = layer_bindings(module["main"])
    assert isinstance(conv.value.args[1], tvm.ir.GenericConst)


# Names, inputs, outputs.


@pytest.mark.parametrize("export", ["module", "dynamo", "torchscript"])
def test_several_inputs_and_outputs(tmp_path, export):
    model, inputs = TwoInputs().eval(), (X, X.flip(2))
    source = model
    if export != "module":
        source = to_onnx(
            model,
            inputs,
            tmp_path / "net.onnx",
            dynamo=export == "dynamo",
            input_names=["image", "mask"],
        )
    module = import_model(source, inputs)
    assert parameters(module) == ["image", "mask"]
    assert names_of_layers(module) == ["body.left", "body.right", "head.2"]
    assert_computes(module, inputs, torch_outputs(model, *inputs))


def test_inputs_by_keyword():
    model = TwoInputs().eval()
    module = import_model(model, {"mask": X, "image": X.numpy()})
    assert sorted(parameters(module)) == ["image", "mask"]


def test_one_input_may_stand_alone():
    model = nn.Sequential(nn.Conv2d(2, 3, 3)).eval()
    for example in (X, X.numpy(), [X], (X,)):
        assert_computes(import_model(model, example), (X,), torch_outputs(model, X))


def test_a_layer_that_is_called_twice_has_two_names():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.shared = nn.Conv2d(2, 2, 3, padding=1)

        def forward(self, x):
            return self.shared(torch.sign(self.shared(x)))

    assert names_of_layers(import_model(Twice(), (X,))) == ["shared", "shared_2"]


def test_layers_of_no_module_are_numbered():
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = (nn.Parameter(torch.randn(2, 2, 3, 3)) for _ in range(2))

        def forward(self, x):
            x = functional.conv2d(x, self.first, padding=1)
            return functional.conv2d(x, self.second).flatten(1) @ self.first.new_ones(72, 3)

    names = names_of_layers(import_model(Functional(), (X,)))
    assert names == ["conv1", "conv2", "dense1"]


def test_an_input_may_share_its_name_with_a_layer():
    class Clash(nn.Module):
        def __init__(self):
            super().__init__()
            self.x = nn.Conv2d(2, 3, 3)

        def forward(self, x):
            return self.x(x)

    module = import_model(Clash(), (X,))
    assert parameters(module) == ["x"]
    assert names_of_layers(module) == ["x_2"]


def test_names_in_the_order_of_the_model_not_of_its_readers(tmp_path):
    """The importer would bind the shortcut's conv after the branch that is read first."""

    class Shortcut(nn.Module):
        def __init__(self):
            super().__init__()
            self.shortcut, self.branch = nn.Conv2d(2, 3, 1), nn.Conv2d(2, 3, 1)

        def forward(self, x):
            shortcut = self.shortcut(x)
            return self.branch(x) + shortcut

    model = Shortcut().eval()
    path = to_onnx(model, (X,), tmp_path / "net.onnx", dynamo=False)
    module = import_model(path)
    by_name = {
        b.var.name: b.value.args[1].value.numpy()
        for b in var_bindings(module["main"])
        if operator_name(b.value) == "relax.nn.conv2d"
    }
    assert list(by_name) == ["shortcut", "branch"]
    np.testing.assert_array_equal(by_name["branch"], model.branch.weight.detach().numpy())


def test_relax_modules_keep_the_names_their_author_chose():
    @I.ir_module
    class Network:
        @R.function
        def main(x: R.Tensor((1, 2, 8, 8), "float32")):
            with R.dataflow():
                lv1 = R.nn.conv2d(x, R.const(np.ones((3, 2, 3, 3), "float32")))
                second = R.nn.conv2d(lv1, R.const(np.ones((3, 3, 3, 3), "float32")))
                gv = R.nn.relu(second)
                R.output(gv)
            return gv

    module = import_model(Network)
    assert names_of_layers(module) == ["conv1", "second"]
    np.testing.assert_array_equal(run(module, X)[0], run(Network, X)[0])


# Nothing that was passed in changes.


def test_training_flags_are_as_before():
    model = TwoInputs().train()
    model.body["left"].eval()
    before = [module.training for module in model.modules()]
    import_model(model, (X, X))
    assert [module.training for module in model.modules()] == before
    with pytest.raises(Exception, match="cannot export"):
        import_model(model, (X,))
    assert [module.training for module in model.modules()] == before


def test_weights_and_files_are_as_before(tmp_path):
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)).eval()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    program = torch.export.export(model, (X,))
    graph = str(program.graph)
    first = run(import_model(program), X)[0]
    assert str(program.graph) == graph
    np.testing.assert_array_equal(run(import_model(program), X)[0], first)
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())
    proto = to_proto(model, (X,), tmp_path / "net.onnx", dynamo=True)
    before = proto.SerializeToString()
    import_model(proto)
    assert proto.SerializeToString() == before


# ONNX in particular.


def onnx_model(nodes, initializers=(), *, opset=17, dtype=TensorProto.FLOAT):
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("image", dtype, (1, 2, 8, 8))],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        initializer=[numpy_helper.from_array(array, name) for name, array in initializers],
    )
    imports = [helper.make_opsetid("", opset)]
    return onnx.shape_inference.infer_shapes(
        helper.make_model(graph, opset_imports=imports, ir_version=8)
    )


def node(operator, *inputs, **attributes):
    return helper.make_node(operator, list(inputs), ["out"], **attributes)


def scalar(name, value):
    return name, np.array(value, "float32")


def weight(name, *shape):
    return name, RNG.normal(size=shape).astype("float32")


ONNX_NETWORKS = {
    "Sign": onnx_model([node("Sign", "image")]),
    "Where": onnx_model(
        [
            helper.make_node("GreaterOrEqual", ["image", "zero"], ["positive"]),
            node("Where", "positive", "one", "minus"),
        ],
        [scalar("zero", 0.0), scalar("one", 1.0), scalar("minus", -1.0)],
    ),
    "Gemm": onnx_model(
        [
            helper.make_node("Flatten", ["image"], ["flat"]),
            node("Gemm", "flat", "w", "b", transB=1, alpha=0.5, beta=2.0),
        ],
        [weight("w", 3, 128), weight("b", 3)],
    ),
    "Gemm of opset 9": onnx_model(
        [
            helper.make_node("Flatten", ["image"], ["flat"]),
            node("Gemm", "flat", "w", "b"),
        ],
        [weight("w", 128, 3), weight("b", 3)],
        opset=9,
    ),
    "MatMul": onnx_model([node("MatMul", "image", "w")], [weight("w", 8, 5)]),
    "PRelu a channel": onnx_model([node("PRelu", "image", "s")], [weight("s", 2, 1, 1)]),
    "PRelu an element": onnx_model([node("PRelu", "image", "s")], [weight("s", 2, 8, 8)]),
    "Clip": onnx_model(
        [node("Clip", "image", "low", "high")], [scalar("low", -1.0), scalar("high", 1.0)]
    ),
    "Clip from below": onnx_model([node("Clip", "image", "low")], [scalar("low", 0.25)]),
    "Clip of opset 6": onnx_model([node("Clip", "image", min=-0.5, max=0.75)], opset=6),
    "AveragePool": onnx_model(
        [node("AveragePool", "image", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])]
    ),
    "AveragePool with padding counted": onnx_model(
        [node("AveragePool", "image", kernel_shape=[3, 3], pads=[1, 0, 1, 2], count_include_pad=1)]
    ),
    "MaxPool": onnx_model(
        [node("MaxPool", "image", kernel_shape=[2, 3], strides=[2, 1], auto_pad="SAME_UPPER")]
    ),
    "GlobalAveragePool": onnx_model([node("GlobalAveragePool", "image")]),
    "Resize": onnx_model(
        [node("Resize", "image", "", "scales", mode="nearest")],
        [("scales", np.array([1, 1, 2, 2], "float32"))],
    ),
    "Pad": onnx_model(
        [node("Pad", "image", "pads", "value")],
        [("pads", np.array([0, 0, 1, 0, 0, 0, 2, 1])), scalar("value", -1.0)],
    ),
    "Pad of opset 2": onnx_model(
        [node("Pad", "image", pads=[0, 0, 1, 0, 0, 0, 2, 1], value=0.5)], opset=7
    ),
    "Pad by reflection": onnx_model(
        [node("Pad", "image", "pads", mode="reflect")],
        [("pads", np.array([0, 0, 1, 2, 0, 0, 3, 1]))],
    ),
    "Pad by the edge": onnx_model(
        [node("Pad", "image", "pads", mode="edge")],
        [("pads", np.array([0, 0, 1, 2, 0, 0, 3, 1]))],
    ),
    "Tile": onnx_model([node("Tile", "image", "n")], [("n", np.array([1, 2, 1, 3]))]),
    "BatchNormalization": onnx_model(
        [node("BatchNormalization", "image", "g", "b", "m", "v")],
        [weight("g", 2), weight("b", 2), weight("m", 2), ("v", np.array([0.5, 2.0], "float32"))],
    ),
    "Conv with SAME padding": onnx_model(
        [node("Conv", "image", "w", auto_pad="SAME_LOWER", strides=[2, 2])],
        [weight("w", 3, 2, 3, 3)],
    ),
    "ConvTranspose": onnx_model(
        [node("ConvTranspose", "image", "w", strides=[2, 2], output_padding=[1, 1])],
        [weight("w", 2, 3, 3, 3)],
    ),
    "Expand": onnx_model(
        [
            helper.make_node("Expand", ["b", "shape"], ["wide"]),
            node("Add", "image", "wide"),
        ],
        [weight("b", 1, 2, 1, 1), ("shape", np.array([1, 2, 8, 8]))],
    ),
    "Expand of a weight": onnx_model(
        [
            helper.make_node("Expand", ["kernel", "shape"], ["w"]),
            node("Conv", "image", "w"),
        ],
        [weight("kernel", 1, 2, 3, 3), ("shape", np.array([3, 1, 1, 1]))],
    ),
    "weights that are computed": onnx_model(
        [
            helper.make_node("Sign", ["w"], ["signs"]),
            helper.make_node("ReduceL2", ["w"], ["norm"], axes=[1, 2, 3], keepdims=1),
            helper.make_node("Mul", ["signs", "norm"], ["binary"]),
            node("Conv", "image", "binary"),
        ],
        [weight("w", 3, 2, 3, 3)],
    ),
    "gathered weights": onnx_model(
        [
            helper.make_node("GatherND", ["patterns", "at"], ["picked"]),
            helper.make_node("Reshape", ["picked", "shape"], ["w"]),
            node("Conv", "image", "w"),
        ],
        [
            weight("patterns", 4, 9),
            ("at", RNG.integers(0, 4, (6, 1))),
            ("shape", np.array([3, 2, 3, 3])),
        ],
    ),
}


@pytest.mark.parametrize("name", ONNX_NETWORKS)
def test_onnx_operators_against_onnxruntime(name):
    model = ONNX_NETWORKS[name]
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    x = X.numpy().copy()
    x[0, 0, 0, :3] = 0.0
    assert_computes(import_model(model), (x,), session.run(None, {"image": x}))


def test_onnx_sign_is_a_sign():
    bindings = var_bindings(import_model(ONNX_NETWORKS["Sign"])["main"])
    assert "relax.sign" in [operator_name(binding.value) for binding in bindings]


def test_onnx_input_names_with_dots_are_kept():
    model = onnx_model([node("Relu", "image")])
    model.graph.input[0].name = model.graph.node[0].input[0] = "input.1"
    assert parameters(import_model(model)) == ["input.1"]


def test_integer_images():
    model = onnx_model(
        [
            helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
            node("Sign", "float"),
        ],
        dtype=TensorProto.UINT8,
    )
    image = RNG.integers(0, 3, (1, 2, 8, 8)).astype("uint8")
    np.testing.assert_array_equal(run(import_model(model), image)[0], np.sign(image))


@pytest.mark.parametrize("opset", [9, 11, 13, 17, 18])
def test_opsets_of_the_older_exporter(tmp_path, opset):
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.Hardtanh(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    ).eval()
    path = to_onnx(model, (X,), tmp_path / "net.onnx", dynamo=False, opset_version=opset)
    assert_computes(import_model(path), (X,), torch_outputs(model, X))


@pytest.mark.parametrize("opset", [18, 20, 23])
def test_opsets_of_the_dynamo_exporter(tmp_path, opset):
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.PReLU(4), nn.Flatten(), nn.Linear(144, 3)).eval()
    path = to_onnx(model, (X,), tmp_path / "net.onnx", dynamo=True, opset_version=opset)
    module = import_model(str(path))
    assert names_of_layers(module) == ["0", "3"]
    assert_computes(module, (X,), torch_outputs(model, X))


def test_expanded_biases_stay_small():
    cleaned = clean(import_model(ONNX_NETWORKS["Expand"]))
    (binding,) = var_bindings(cleaned["main"])
    assert [int(size) for size in binding.value.args[1].ty.shape.values] == [1, 2, 1, 1]


def test_weights_are_constants_however_they_were_made():
    for name in ("weights that are computed", "gathered weights", "Expand of a weight"):
        (layer,) = layer_bindings(import_model(ONNX_NETWORKS[name])["main"])
        assert isinstance(layer.value.args[1], tvm.ir.GenericConst)


def test_reductions_add_in_the_frameworks_order():
    """numpy's pairwise sum rounds otherwise, and an argmin over near ties would show it."""
    x = RNG.normal(size=(1000, 9)).astype("float32")
    expected = x[:, 0].copy()
    for column in range(1, 9):
        expected += x[:, column]
    np.testing.assert_array_equal(ReduceSum.eval(x, np.array([1]), keepdims=0), expected)
    assert (x.sum(axis=1) != expected).any()
