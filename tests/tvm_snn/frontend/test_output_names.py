import onnx
import pytest
from onnx import TensorProto, helper

import tvm_snn
from tests.building import module, tensor
from tvm_snn.frontend import output_names


def _model(*names: str) -> onnx.ModelProto:
    nodes = [helper.make_node("Sign", ["x"], [name]) for name in names]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [value("x", TensorProto.FLOAT, [2, 3])],
        [value(name, TensorProto.FLOAT, [2, 3]) for name in names],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


@pytest.mark.parametrize("names", [("logits",), ("scores", "boxes.0")])
def test_outputs_of_an_onnx_model_keep_their_names(names: tuple[str, ...], tmp_path) -> None:
    tvm_snn.compile(_model(*names)).save(tmp_path / "net.snn")
    loaded = tvm_snn.load(tmp_path / "net.snn")
    assert tuple(spec.name for spec in loaded.outputs) == names


def test_outputs_without_names_are_numbered() -> None:
    main = module([tensor("x", 2)], lambda _, x: x)["main"]
    assert output_names(main, 1) == ["output"]
    assert output_names(main, 2) == ["output0", "output1"]
