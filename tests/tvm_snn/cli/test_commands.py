"""What the commands do with a network, and what they say when they cannot."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tvm_snn as package
from tests.tvm_snn.cli.conftest import failure, tvm_snn
from tests.tvm_snn.cli.factories import HERE, SHAPE
from tvm_snn import capi


@pytest.mark.parametrize("name", ["net.onnx", "net.pt2"])
def test_compile_and_run_give_what_the_library_gives(files, tmp_path, name):
    compiled, output = tmp_path / "net.snn", tmp_path / "y.npy"
    result = tvm_snn("compile", files / name, "-o", compiled)
    assert result.exit_code == 0, result.output
    assert "verified" in result.stdout
    assert "NOT" not in result.stdout
    result = tvm_snn("run", compiled, files / "x.npy", "-o", output)
    assert result.exit_code == 0, result.output
    expected = package.load(files / "net.snn")(np.load(files / "x.npy"))
    np.testing.assert_allclose(np.load(output), expected, rtol=1e-5, atol=1e-5)


def test_a_simulator_needs_an_accelerator(files):
    arguments = ("run", files / "net.snn", files / "x.npy", "--simulator", "rtl")
    assert "was compiled without one" in failure(*arguments, status=2)


def test_compile_to_a_c_library(files, tmp_path):
    library = tmp_path / "net.so"
    arguments = ("compile", files / "net.pt2", "-o", library, "--runtime", "c", "--prefix", "my")
    result = tvm_snn(*arguments)
    assert result.exit_code == 0, result.output
    assert f"verified; wrote {library} (" in result.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"net.so", "net.a", "net.h"}
    image = np.load(files / "x.npy")
    expected = package.load(files / "net.snn")(image)
    np.testing.assert_allclose(capi.load(library, "my")(image), expected, rtol=1e-5, atol=1e-5)


def test_compile_refuses_names_of_a_c_library_before_it_works(tmp_path):
    arguments = ("compile", f"{HERE}:failing", "--runtime", "c", "-o")
    assert "Give a name such as net.so" in failure(*arguments, tmp_path / "net.h")
    assert "name of a C function" in failure(*arguments, tmp_path / "net.so", "--prefix", "1")
    alone = ("compile", f"{HERE}:failing", "-o", tmp_path / "net.snn", "--prefix", "my")
    assert "--prefix is for --runtime c" in failure(*alone, status=2)


def test_compile_says_that_it_did_not_verify(files, tmp_path):
    result = tvm_snn("compile", files / "net.pt2", "--no-verify", "-o", tmp_path / "n.snn")
    assert "NOT verified" in result.stdout


def test_compile_prints_json_and_nothing_else(files, tmp_path):
    result = tvm_snn("compile", files / "net.pt2", "-o", tmp_path / "n.snn", "--json")
    assert json.loads(result.stdout)["layers"][0]["strategy"]


def test_compile_refuses_an_unknown_target(tmp_path):
    arguments = ("compile", f"{HERE}:network_with_inputs", "-o", tmp_path / "n.snn", "--target")
    assert "TargetError" in failure(*arguments, "toaster")
    assert "TargetError" in failure(*arguments, "llvm -mcpu=cortex-a72", "--verify")
    assert not (tmp_path / "n.snn").exists()


def test_compile_looks_at_the_output_before_it_works(tmp_path):
    arguments = ("compile", f"{HERE}:failing", "-o")
    assert "there is no folder" in failure(*arguments, tmp_path / "missing" / "n.snn")
    assert "it is a folder" in failure(*arguments, tmp_path)


def test_compile_needs_an_output():
    assert "-o" in failure("compile", f"{HERE}:network_with_inputs", status=2)


def test_run_prints_every_output_as_json(files, tmp_path):
    np.save(tmp_path / "a.npy", np.array([[1, 0, -1], [1, 2, 3]], np.float32))
    result = tvm_snn("run", files / "two.snn", *[tmp_path / "a.npy"] * 2, "--json")
    outputs = list(json.loads(result.stdout, parse_constant=pytest.fail).values())
    assert outputs[0] == [[2, 0, -2], [2, 4, 6]]
    assert outputs[1][0] == [0, None, None], "JSON has neither infinities nor NaN"


def test_run_writes_one_file_for_each_output(files, tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 3), np.float32))
    inputs = [tmp_path / "a.npy"] * 2
    outputs = [tmp_path / "first.npy", tmp_path / "second.npy"]
    named = [argument for path in outputs for argument in ("-o", path)]
    assert tvm_snn("run", files / "two.snn", *inputs, *named).exit_code == 0
    assert (np.load(outputs[0]) == 2).all()
    assert (np.load(outputs[1]) == 0).all()
    one = failure("run", files / "two.snn", *inputs, "-o", outputs[0], status=2)
    assert "has 2 outputs, 1 files were named" in one


def test_run_checks_its_inputs(files, tmp_path):
    network = files / "net.snn"
    assert "missing is" in failure("run", network)
    assert "2 by position" in failure("run", network, files / "x.npy", files / "x.npy")
    np.save(tmp_path / "double.npy", np.zeros(SHAPE))
    assert "is float64[1, 8, 6, 6]" in failure("run", network, tmp_path / "double.npy")
    np.save(tmp_path / "small.npy", np.zeros((1, 8, 5, 5), np.float32))
    assert "is float32[1, 8, 5, 5]" in failure("run", network, tmp_path / "small.npy")


def test_run_reads_only_plain_arrays(files, tmp_path):
    network, path = files / "net.snn", tmp_path / "x.npy"
    assert "No such file" in failure("run", network, path)
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "Object arrays cannot be loaded" in failure("run", network, path)
    path.write_bytes((files / "x.npy").read_bytes()[:200])
    assert "is not a readable .npy file" in failure("run", network, path)
    path.write_text("1 2 3")
    assert "is not a .npy file" in failure("run", network, path)
    with path.open("wb") as file:
        np.savez(file, a=np.zeros(3), b=np.zeros(3))
    assert "is not a .npy file" in failure("run", network, path)


@pytest.mark.parametrize("command", ["run", "verify", "profile"])
def test_damaged_artifacts_are_refused(files, tmp_path, command):
    truncated = tmp_path / "truncated.snn"
    truncated.write_bytes((files / "net.snn").read_bytes()[:-500])
    assert "ArtifactError" in failure(command, truncated)
    assert "ArtifactError" in failure(command, tmp_path / "missing.snn")


def test_verify_an_artifact_on_random_and_on_given_inputs(files):
    for inputs in ((), (files / "x.npy",)):
        result = tvm_snn("verify", files / "net.snn", *inputs)
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith("verified")


def test_verify_a_model_and_print_json():
    result = tvm_snn("verify", f"{HERE}:network_with_inputs", "--json")
    data = json.loads(result.stdout)
    assert data["ties"] == 0
    assert data["checks"]


@pytest.mark.parametrize("option", [("--shape", "1x8x6x6"), ("--target", "host")])
def test_verify_does_not_ignore_what_it_cannot_follow(files, option):
    message = failure("verify", files / "net.snn", *option, status=2)
    assert f"{option[0]} is for models" in message


def test_a_failed_verification_ends_with_1(files, monkeypatch):
    def disagree(*_):
        raise package.VerificationError("tensor 'conv' differs")

    # In the package, the module's name stands for the command.
    module = sys.modules["tvm_snn.cli.verify_command"]
    monkeypatch.setattr(module, "verify_network", disagree)
    assert "VerificationError: tensor 'conv'" in failure("verify", files / "net.snn")


def test_profile(files):
    result = tvm_snn("profile", files / "net.snn", "--runs", 2)
    assert "median of 2 runs" in result.stdout
    data = json.loads(tvm_snn("profile", files / "net.snn", "--runs", 1, "--json").stdout)
    assert data["runs"] == 1
    assert all(row["microseconds"] > 0 for row in data["report"]["rows"])
    assert "x>=1" in failure("profile", files / "net.snn", "--runs", 0, status=2)


@pytest.mark.parametrize("command", ["run", "verify", "profile"])
def test_threads(files, command):
    arguments = (command, files / "net.snn", files / "x.npy", "--threads")
    assert tvm_snn(*arguments, 1).exit_code == 0
    assert "num_threads is 5000, but this process may run on" in failure(*arguments, 5000)
    assert "x>=1" in failure(*arguments, 0, status=2)


@pytest.mark.parametrize("command", [(), ("inspect",), ("compile",), ("run",), ("verify",)])
def test_every_command_explains_itself(command):
    result = tvm_snn(*command, "--help")
    assert result.exit_code == 0
    assert "..." not in result.stdout.replace("...]", "").replace("[INPUT.npy]...", "").replace(
        "INPUT.npy...", ""
    ).replace("[ARGS]...", ""), "a text was cut"


def test_an_unknown_command_ends_with_2():
    assert "No such command" in failure("translate", status=2)


def test_the_installed_script(files):
    script = Path(sys.executable).with_name("tvm-snn")
    done = subprocess.run(
        [script, "verify", files / "net.snn", "--json"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["checks"]
    assert done.stderr == "", "quiet when the output is no terminal"
    failed = subprocess.run([script, "run", "missing.snn"], capture_output=True, text=True)
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr.startswith("tvm-snn: ArtifactError: ")
