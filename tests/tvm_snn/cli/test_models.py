"""MODEL on the command line: files and factories, and what is said of those that are none."""

import json

import pytest

from tests.tvm_snn.cli.conftest import failure, tvm_snn
from tests.tvm_snn.cli.factories import HERE

SUB_BIT = ("sub-bit", "W1A1", 4)


def layers(*arguments):
    result = tvm_snn("inspect", *arguments, "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)["layers"]
    return [(row["verdict"], row["activation"], row["tau"]) for row in rows]


@pytest.mark.parametrize("name", ["net.onnx", "net.pt2"])
def test_files(files, name):
    assert layers(files / name) == [SUB_BIT, ("dense", "", None)]


def test_a_factory_that_gives_its_inputs():
    assert layers(f"{HERE}:network_with_inputs")[0] == SUB_BIT


def test_a_factory_with_arguments_and_a_shape():
    found = layers(f"{HERE}:network(tau=3)", "--shape", "2x8x6x6")
    assert found[0] == ("sub-bit", "W1A1", 3)


def test_a_network_of_the_zoo_knows_its_shape():
    assert len(layers("tvm_snn.zoo:vgg_small")) == 6 + 1


def test_a_factory_in_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "my_factory_here.py").write_text(
        "import torch\ndef make(): return torch.nn.Conv2d(1, 1, 3), (torch.zeros(1, 1, 4, 4),)\n"
    )
    monkeypatch.chdir(tmp_path)
    assert layers("my_factory_here:make") == [("dense", "", None)]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("missing.onnx", "no file missing.onnx"),
        ("missing.pt2", "no file missing.pt2"),
        ("net.tflite", "ends in .onnx or .pt2"),
        ("resnet18", "package.module:factory"),
        (f"{HERE}:missing", "no attribute|missing"),
        ("no_such_package:factory", "No module named 'no_such_package'"),
        (f"{HERE}:CONSTANT", "its type is int"),
        (f"{HERE}:network", "--shape 1x3x224x224"),
        (f"{HERE}:network(tau=os)", "not understood"),
        (f"{HERE}:network(4)", "not understood"),
        (f"{HERE}:network(tau=[4)", "not understood"),
        (f"{HERE}:network(depth=4)", "unexpected keyword argument 'depth'"),
        (f"{HERE}:failing", "the checkpoint is missing (factories.py, line "),
        (f"{HERE}:no_module", "returned a int; a torch.nn.Module is expected"),
    ],
)
def test_what_is_no_model(model, said):
    message = failure("inspect", model)
    assert any(part in message for part in said.split("|")), message
    assert message.startswith("tvm-snn: ModelError: ")


@pytest.mark.parametrize("shape", ["1x3xx8", "abc", "0x3", "1x-3", ""])
def test_what_is_no_shape(shape):
    message = failure("inspect", f"{HERE}:network", "--shape", shape, status=2)
    assert "is no shape; write for example 1x3x224x224" in message


def test_a_shape_that_does_not_fit(files):
    assert "weight of size" in failure("inspect", f"{HERE}:network", "--shape", "1x9x6x6")
    assert "(1, 9, 6, 6)" in failure("inspect", files / "net.onnx", "--shape", "1x9x6x6")


def test_the_table_fits_a_terminal_of_100_columns():
    result = tvm_snn("inspect", "tvm_snn.zoo:resnet20")
    assert result.exit_code == 0
    table = result.stdout.split("\n\n")[0]
    assert all(len(line.rstrip()) <= 100 for line in table.splitlines())
    assert len(table.splitlines()) == 1 + 22
