"""`tvm-snn train`: from data to a network that compiles."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import tvm_snn as snn
from tests.tvm_snn.cli.conftest import failure, tvm_snn
from tests.tvm_snn.training import tiny
from tvm_snn.training import load_data

ROOT = Path(__file__).parents[3]
OPTIONS = ("--epochs", 3, "--batch-size", 20, "--learning-rate", 0.05)


def train(folder, *options, model=f"{tiny.HERE}:network", data=f"{tiny.HERE}:data"):
    done = tvm_snn("train", "--model", model, "--data", data, "-o", folder, *OPTIONS, *options)
    assert done.exit_code == 0, done.output
    return done


def log(folder):
    with open(folder / "log.csv", newline="") as file:
        return [{**row, "seconds": ""} for row in csv.DictReader(file)]


@pytest.fixture
def one_thread():
    """Sums of floats depend on the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_a_killed_run_is_resumed_compiled_and_computes_as_trained(tmp_path):
    """The whole way on files of Fashion-MNIST's format."""
    tiny.write_fashion_mnist(tmp_path / "data", 80, 20)
    model = "tvm_snn.zoo:resnet20(depth=1)"
    options = ("--data-root", tmp_path / "data", "--tau", 4, "--checkpoint-steps", 3)
    straight = train(tmp_path / "straight", *options, model=model, data="fashion-mnist")
    assert "tvm-snn compile" in straight.stdout

    folder = tmp_path / "killed"
    command = ["train", "--model", model, "--data", "fashion-mnist", "-o", folder]
    command = [sys.executable, "-c", "from tvm_snn.cli import main; main()", *command]
    process = subprocess.Popen(
        [str(part) for part in (*command, *OPTIONS, *options)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 300
    while not (folder / "checkpoint.pt").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    train(folder, *options, "--resume", model=model, data="fashion-mnist")
    assert [row["epoch"] for row in log(folder)] == ["1", "2", "3"]
    assert log(folder) == log(tmp_path / "straight")

    artifact = tmp_path / "net.snn"
    done = tvm_snn("compile", folder / "model.pt2", "-o", artifact, "--json")
    assert done.exit_code == 0, done.output
    layers = [row for row in json.loads(done.stdout)["layers"] if row["verdict"] == "sub-bit"]
    assert [layer["tau"] for layer in layers] == [4] * 3
    network = snn.load(artifact)
    trained = torch.export.load(folder / "model.pt2").module()
    data = load_data("fashion-mnist", tmp_path / "data")
    images, _ = data.test.batch(range(10), torch.Generator())
    for image in images:
        np.testing.assert_allclose(
            network(image[None]), trained(image[None]).detach(), rtol=1e-3, atol=1e-3
        )


def test_an_ordinary_network_is_converted(tmp_path):
    done = train(
        tmp_path / "run", "--tau", "none", "--json", "--subset", "vanilla",
        model=f"{tiny.HERE}:float_network",
    )  # fmt: skip
    printed = json.loads(done.stdout)
    assert len(printed["epochs"]) == 3
    rows = snn.inspect(printed["model"]).rows
    assert [row.verdict for row in rows] == ["dense", "binary", "dense"]
    assert rows[1].activation == "W1A1"


def test_data_and_model_may_be_in_the_current_folder(tmp_path, monkeypatch):
    module = (ROOT / "tests/tvm_snn/training/tiny.py").read_text()
    (tmp_path / "my_images_here.py").write_text(module)
    monkeypatch.chdir(tmp_path)
    train("run", model="my_images_here:network", data="my_images_here:data")
    assert (tmp_path / "run/model.pt2").exists()


def test_two_steps_with_a_teacher(tmp_path):
    train(tmp_path / "teacher", "--recipe", "float")
    train(
        tmp_path / "student", "--recipe", "two-step", "--subset", "vanilla",
        "--teacher", f"{tiny.HERE}:network(subset='refined')",
        "--teacher-run", tmp_path / "teacher",
    )  # fmt: skip
    stages = [row["stage"] for row in log(tmp_path / "student")]
    assert stages == ["activations"] * 3 + ["weights"] * 3


def test_what_cannot_be_is_named(tmp_path):
    model, data = ("--model", f"{tiny.HERE}:network"), ("--data", f"{tiny.HERE}:data")
    out = ("-o", tmp_path / "run")
    assert "there is no subset policy 'best'" in failure(
        "train", *model, *data, *out, "--subset", "best"
    )
    assert "no data set 'cats'" in failure("train", *model, "--data", "cats", *out)
    assert "names no function" in failure("train", "--model", "net.onnx", *data, *out)
    assert "to resume from" in failure("train", *model, *data, *out, "--resume")
    assert "needs --teacher" in failure("train", *model, *data, *out, "--teacher-run", "a")
    assert "'five' is not a valid integer" in failure(
        "train", *model, *data, *out, "--tau", "five", status=2
    )
    (tmp_path / "file").write_text("")
    assert "Cannot make the folder" in failure("train", *model, *data, "-o", tmp_path / "file")
