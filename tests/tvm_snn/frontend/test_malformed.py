"""Whatever is wrong with a model: a named error that says where, and what to do."""

import logging
import sys

import numpy as np
import onnx
import pytest
import torch
import tvm
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from tvm import relax
from tvm.script import ir as I
from tvm.script import relax as R

from tests.tvm_snn.frontend.exports import to_onnx, to_proto
from tvm_snn.errors import ModelError, UnsupportedOperatorError
from tvm_snn.frontend import import_model

X = torch.zeros(1, 2, 6, 6)


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))
        self.fc = nn.Linear(48, 2)

    def forward(self, image):
        return self.fc(self.stem(image).flatten(1))


class Plain(nn.Module):
    """A network of one function of its input."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, image):
        return self.function(image)


@pytest.fixture
def small():
    return Small().eval()


@pytest.fixture(scope="module")
def proto(tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    return to_proto(Small().eval(), (X,), path, dynamo=False)


def graph_of(nodes, *, dtype=TensorProto.FLOAT, shape=(1, 2, 6, 6), initializers=(), opset=17):
    """Return a model of a few nodes from `image` to `out`, whose shape is left out."""
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("image", dtype, shape)],
        [helper.make_tensor_value_info("out", dtype, None)],
        initializer=[numpy_helper.from_array(array, name) for name, array in initializers],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("vendor", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=9)


# What cannot be opened.


@pytest.mark.parametrize("model", [None, 3, np.zeros(3), b"bytes", lambda x: x])
def test_not_a_model(model):
    with pytest.raises(ModelError, match="is no model that can be imported: pass a torch"):
        import_model(model)


@pytest.mark.parametrize("name", ["net.onnx", "net.pt2", "n" * 5000 + ".onnx"])
def test_missing_file(tmp_path, name):
    with pytest.raises(ModelError, match=f"There is no file .*{name}"):
        import_model(tmp_path / name)


def test_an_example_that_torch_cannot_hold(small):
    with pytest.raises(ModelError, match="An example input is an array of object"):
        import_model(small, (np.array([None]),))


def test_a_tuple_within_the_result():
    x = relax.Var("x", relax.TensorType((2,), "float32"))
    builder = relax.BlockBuilder()
    with builder.function("main", [x]):
        with builder.dataflow():
            output = builder.emit_output(relax.Tuple([relax.Tuple([x, x]), x]))
        builder.emit_func_output(output)
    with pytest.raises(ModelError, match="Output 0 is no tensor but"):
        import_model(builder.get())


def test_unknown_extension(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(b"")
    with pytest.raises(ModelError, match=r"net\.tflite is of no known kind.*\.onnx or \.pt2"):
        import_model(str(path))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_truncated_onnx(tmp_path, proto, share):
    data = proto.SerializeToString()
    path = tmp_path / "cut.onnx"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelError):
        import_model(path)


def test_garbage_instead_of_onnx(tmp_path):
    path = tmp_path / "noise.onnx"
    path.write_bytes(np.random.default_rng(0).bytes(4000))
    with pytest.raises(ModelError, match=r"noise\.onnx is not a readable ONNX model"):
        import_model(path)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_truncated_pt2(tmp_path, small, share, caplog):
    whole, cut = tmp_path / "whole.pt2", tmp_path / "cut.pt2"
    torch.export.save(torch.export.export(small, (X,)), whole)
    data = whole.read_bytes()
    cut.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelError, match=r"cut\.pt2 is not a readable exported program"):
        import_model(cut)
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


def test_external_data_missing(tmp_path, small):
    path = to_onnx(small, (X,), tmp_path / "net.onnx", dynamo=False)
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    assert import_model(path) is not None
    unloaded = onnx.load(path, load_external_data=False)
    with pytest.raises(ModelError, match="external file that was not loaded"):
        import_model(unloaded)
    (tmp_path / "w.bin").unlink()
    with pytest.raises(ModelError, match=r"w\.bin"):
        import_model(path)


@pytest.mark.parametrize(
    ("missing", "module", "name"),
    [
        ("onnx", "tvm_snn.frontend.onnx_graph", "net.onnx"),
        ("torch", "tvm_snn.frontend.torch_program", "net.pt2"),
    ],
)
def test_packages_that_are_not_installed(monkeypatch, tmp_path, missing, module, name):
    path = tmp_path / name
    path.write_bytes(b"")
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.delattr(f"tvm_snn.frontend.{module.rpartition('.')[2]}", raising=False)
    with pytest.raises(ModelError, match=r"pip install tvm_snn\[torch\]"):
        import_model(path)


# Shapes.


def test_module_without_example_inputs(small):
    with pytest.raises(ModelError, match="Small has no fixed input shapes: pass example_inputs"):
        import_model(small)


def test_example_that_does_not_fit(small):
    with pytest.raises(ModelError, match=r"cannot export Small.*Check that example_inputs fit"):
        import_model(small, (torch.zeros(1, 5, 6, 6),))


def test_dynamic_program(small):
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(
        small, (torch.zeros(4, 2, 6, 6),), dynamic_shapes={"image": {0: batch}}
    )
    with pytest.raises(ModelError, match=r"dimension 0 of input 'image'.*pass example_inputs"):
        import_model(program)
    fixed = import_model(program, (torch.zeros(3, 2, 6, 6),))
    assert [int(size) for size in fixed["main"].params[0].ty.shape.values] == [3, 2, 6, 6]


@pytest.mark.parametrize("dynamo", [False, True])
def test_dynamic_onnx(tmp_path, small, dynamo):
    options = (
        {"dynamic_shapes": {"image": {0: torch.export.Dim("batch")}}}
        if dynamo
        else {"dynamic_axes": {"image": {0: "batch"}}}
    )
    model = to_proto(
        small, (torch.zeros(4, 2, 6, 6),), tmp_path / "net.onnx", dynamo=dynamo, **options
    )
    with pytest.raises(ModelError, match=r"Dimension 0 of input 'image' is dynamic \(batch\)"):
        import_model(model)
    before = model.SerializeToString()
    for example in (np.zeros((3, 2, 6, 6), "f4"), [torch.zeros(3, 2, 6, 6)], {"image": X[:1]}):
        fixed = import_model(model, example)
        batch = 1 if isinstance(example, dict) else 3
        assert [int(size) for size in fixed["main"].params[0].ty.shape.values] == [batch, 2, 6, 6]
    assert model.SerializeToString() == before


def test_examples_that_contradict_an_onnx_model(proto):
    with pytest.raises(ModelError, match=r"'image' has shape \(1, 2, 6, 6\) in the model"):
        import_model(proto, np.zeros((2, 2, 6, 6), "f4"))
    with pytest.raises(ModelError, match="has no input 'picture'"):
        import_model(proto, {"picture": np.zeros((1, 2, 6, 6), "f4")})
    with pytest.raises(ModelError, match="has 1 inputs"):
        import_model(proto, (X, X))


def test_onnx_input_without_a_shape():
    model = graph_of([helper.make_node("Relu", ["image"], ["out"])], shape=None)
    with pytest.raises(ModelError, match="'image' has no shape: pass example_inputs"):
        import_model(model)
    assert import_model(model, np.zeros((2, 3), "f4")) is not None


def test_shape_that_depends_on_values():
    model = graph_of([helper.make_node("NonZero", ["image"], ["out"])])
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    with pytest.raises(ModelError):
        import_model(model)


# Dtypes.


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.bfloat16])
def test_module_of_another_float(small, dtype):
    name = str(dtype).removeprefix("torch.")
    with pytest.raises(ModelError, match=f"{name}; float32 is expected"):
        import_model(small.to(dtype), (X.to(dtype),))
    with pytest.raises(ModelError, match=f"{name}; float32 is expected"):
        import_model(torch.export.export(small, (X.to(dtype),)))


def test_layer_of_another_float():
    layer = nn.Conv2d(2, 3, 3).double()
    with pytest.raises(ModelError, match="Layer 'function' is float64; float32 is expected"):
        import_model(Plain(_Doubled(layer)), (X,))


class _Doubled(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, x):
        return nn.functional.conv2d(x.double(), self.weight, self.bias)


@pytest.mark.parametrize("dtype", [TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_onnx_of_another_float(dtype):
    model = graph_of([helper.make_node("Relu", ["image"], ["out"])], dtype=dtype)
    with pytest.raises(ModelError, match=r"'image' is (float16|float64); float32 is expected"):
        import_model(model)


# Weights.


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(tmp_path, small, number):
    small.stem[0].weight.data[1, 0, 2, 1] = number
    with pytest.raises(ModelError, match=r"'stem.0.weight' is not finite: .* at \[1, 0, 2, 1\]"):
        import_model(small, (X,))
    path = to_onnx(small, (X,), tmp_path / "net.onnx", dynamo=False, do_constant_folding=False)
    with pytest.raises(ModelError, match=r"'stem.0.weight' is not finite"):
        import_model(path)


def test_weights_that_folding_makes_infinite():
    class Normalized(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(3, 2, 3, 3))

        def forward(self, x):
            return nn.functional.conv2d(x, self.weight / self.weight.abs().max())

    with pytest.raises(ModelError, match=r"'conv1.weight' is not finite: nan"):
        import_model(Normalized(), (X,))


def test_masks_may_be_infinite():
    mask = torch.tensor([0.0, -np.inf])
    module = import_model(Plain(lambda x: x.flatten(1)[:, :2] + mask), (X,))
    assert module is not None


# Operators and structure.


def test_operator_that_the_pytorch_importer_lacks():
    with pytest.raises(UnsupportedOperatorError, match=r"PyTorch importer lacks .*fft"):
        import_model(Plain(lambda x: torch.fft.fft(x).real), (X,))


def test_operators_that_the_onnx_importer_lacks():
    nodes = [helper.make_node("StringNormalizer", ["image"], ["out"])]
    with pytest.raises(ModelError):
        import_model(graph_of(nodes))
    det = [helper.make_node("Det", ["image"], ["out"])]
    with pytest.raises(UnsupportedOperatorError, match="ONNX importer lacks Det"):
        import_model(graph_of(det))


def test_operators_that_onnx_does_not_have():
    with pytest.raises(
        UnsupportedOperatorError, match="is a Bogus, which ONNX does not have in opset 17"
    ):
        import_model(graph_of([helper.make_node("Bogus", ["image"], ["out"])]))
    vendor = helper.make_node("Conv", ["image", "w"], ["out"], domain="vendor", name="c1")
    with pytest.raises(UnsupportedOperatorError, match=r"'c1' is a vendor\.Conv"):
        import_model(graph_of([vendor], initializers=[("w", np.ones((1, 2, 3, 3), "f4"))]))


def test_onnx_node_with_impossible_shapes():
    conv = helper.make_node("Conv", ["image", "w"], ["out"])
    with pytest.raises(ModelError, match="Conv"):
        import_model(graph_of([conv], initializers=[("w", np.ones((1, 5, 3, 3), "f4"))]))


def test_onnx_that_reads_what_nothing_writes():
    with pytest.raises(ModelError, match="malformed"):
        import_model(graph_of([helper.make_node("Add", ["image", "nothing"], ["out"])]))


def test_program_in_training_mode(small):
    program = torch.export.export(small.train(), (X.repeat(2, 1, 1, 1),))
    with pytest.raises(ModelError, match=r"changes its buffer 'stem.1.*Call model.eval\(\)"):
        import_model(program)


def test_control_flow_on_values():
    with pytest.raises(ModelError, match=r"torch\.export cannot export Plain"):
        import_model(Plain(lambda x: x if x.sum() > 0 else -x), (X,))


# Relax modules.


def test_relax_without_main():
    with pytest.raises(ModelError, match="no function 'main'"):
        import_model(tvm.IRModule())


def test_relax_with_symbolic_shape():
    @I.ir_module
    class Dynamic:
        @R.function
        def main(x: R.Tensor(("n", 3), "float32")):
            with R.dataflow():
                gv = R.sign(x)
                R.output(gv)
            return gv

    with pytest.raises(ModelError, match="'x' has the dynamic shape"):
        import_model(Dynamic)


def test_relax_with_weights_as_parameters():
    @I.ir_module
    class Unbound:
        @R.function
        def main(x: R.Tensor((1, 2, 6, 6), "float32"), w: R.Tensor((3, 2, 3, 3), "float32")):
            R.func_attr({"num_input": 1})
            with R.dataflow():
                gv = R.nn.conv2d(x, w)
                R.output(gv)
            return gv

    with pytest.raises(ModelError, match=r"'w', \.\.\.\): bind them first"):
        import_model(Unbound)


def test_relax_that_is_lowered_already():
    @I.ir_module
    class Network:
        @R.function
        def main(x: R.Tensor((1, 2, 6, 6), "float32")):
            with R.dataflow():
                gv = R.sign(x)
                R.output(gv)
            return gv

    with pytest.raises(UnsupportedOperatorError, match="calls the kernel"):
        import_model(relax.transform.LegalizeOps()(Network))
