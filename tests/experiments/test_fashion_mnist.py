"""The experiment on Fashion-MNIST, on a few images of its format."""

import json

import pytest
from cases import cases, methods
from click.testing import CliRunner
from differences import differences
from fashion_mnist import main
from kernels import KernelNotes, kernels_of
from tables import comparison, markdown

from tests.tvm_snn.training import tiny
from tvm_snn.errors import SnnError

OPTIONS = ("--tau", 4, "--only", "bnn", "--only", "refined", "--epochs", 2, "--images", 60)
OPTIONS = (*OPTIONS, "--seeds", 1, "--batch-size", 30, "--learning-rate", 0.01)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fashion")
    tiny.write_fashion_mnist(folder / "data", 100, 20)
    return folder


def experiment(folder, *arguments):
    arguments = ("--out", folder / "out", "--data-root", folder / "data", *arguments)
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def results(folder):
    experiment(folder, "run", *OPTIONS)
    return {path.stem: json.loads(path.read_text()) for path in (folder / "out/results").glob("*")}


def test_results_hold_what_a_table_needs(results):
    assert results.keys() == {"small-W1A1-bnn-seed0", "small-W1A1-refined-tau4-seed0"}
    bnn, refined = (results[key] for key in sorted(results))
    weights = 9 * (2 * 16 * 16 + 16 * 32 + 32 * 32 + 32 * 64 + 64 * 64)
    assert bnn["binary_bits"] == weights
    assert refined["binary_bits"] == weights * 4 // 9
    assert bnn["dense_bits"] == refined["dense_bits"]
    assert len(refined["epochs"]) == 2
    assert [note["step"] for note in refined["kernels"]] == [2, 4]
    assert refined["accuracy"] == refined["epochs"][-1]["test_accuracy"]
    for note in refined["kernels"][-1]["layers"].values():
        assert len(note["subset"]) == 16
        assert set(map(int, note["counts"])) <= set(note["subset"])
    counts = [sum(note["counts"].values()) for note in bnn["kernels"][-1]["layers"].values()]
    assert counts == [256, 256, 512, 1024, 2048, 4096]


def test_what_is_done_is_not_done_again(folder, results):
    files = {path: path.stat().st_mtime_ns for path in (folder / "out/results").glob("*")}
    experiment(folder, "run", *OPTIONS)
    assert {path: path.stat().st_mtime_ns for path in (folder / "out/results").glob("*")} == files
    assert len(files) == len(results)
    assert not list((folder / "out/runs").iterdir())


def test_the_table_has_mean_and_spread(results):
    first = results["small-W1A1-bnn-seed0"] | {"accuracy": 0.5}
    compiled = {"microseconds_median": 123.4, "microseconds_minimum": 99.0}
    second = first | {"seed": 1, "accuracy": 0.6, "compiled": compiled}
    text = markdown([first, second, results["small-W1A1-refined-tau4-seed0"]])
    assert "| bnn |  | 55.00 | 50.00-60.00 | 2 | 0.074 |" in text
    assert "| 123 (99) |" in text
    assert "| refined | tau 4 |" in text


def test_differences_of_compiled_networks_are_summed(results):
    (result, _) = results.values()
    assert comparison([result]) == ""
    compiled = {"images": 10, "classes_differ": 1, "logits_differ": 2, "differences_by_ties": 2}
    text = comparison([result, result | {"compiled": compiled}, result | {"compiled": compiled}])
    assert text.startswith("2 networks were compiled and classified 20 images")
    assert "2 got another class, 4 had logits" in text


def test_the_table_is_kept_with_all_runs_and_their_curves(folder, results):
    printed = experiment(folder, "table", "--keep", folder / "kept")
    text = (folder / "kept/fashion-mnist.md").read_text()
    table, seed_by_seed = printed.strip().rsplit("\n\n", 1)
    assert table in text
    assert seed_by_seed in text
    assert "2 runs with seeds 0" in text
    runs = json.loads((folder / "kept/fashion-mnist.json").read_text())
    assert {run["key"] for run in runs} == results.keys()
    assert all(len(run["epochs"]) == 2 and "kernels" not in run for run in runs)


def test_methods_differ_seed_by_seed(results):
    (bnn, _) = (results[key] for key in sorted(results))
    accuracies = {"bnn": (0.5, 0.7, 0.9), "refined": (0.49, 0.72)}
    runs = [
        {**bnn, "method": method, "size": "tau 5" if method == "refined" else "", "seed": seed}
        | {"accuracy": accuracy}
        for method, values in accuracies.items()
        for seed, accuracy in enumerate(values)
    ]
    *_, row = differences(runs).splitlines()
    assert row == "| small | W1A1 | refined tau 5 | bnn | +0.50 | 1.50 | -1.00, +2.00 |"
    assert "| refined tau 5 | bnn | -1.00 |  | -1.00 |" in differences([runs[0], runs[3]])
    other = [{**run, "network": "small-vgg"} for run in (runs[0], runs[3])]
    *_, row = differences(runs + other).splitlines()
    assert row.startswith("| all |  | refined tau 5 | bnn | +0.00 |")


def test_pictures_are_drawn(folder, results):
    pytest.importorskip("matplotlib")
    assert len(results) == 2
    experiment(folder, "pictures", "--size", "tau 4")
    names = {path.name for path in (folder / "out/pictures").iterdir()}
    expected = {"kernel-frequencies", "codes-refined-tau4", "reductions", "pareto"}
    assert names == {f"{name}.png" for name in expected}
    with pytest.raises(SnnError, match="no result of bnn"):
        experiment(folder, "pictures", "--network", "vgg")


@pytest.mark.slow
def test_compiled_networks_are_compared(folder, results):
    (folder / "out/results/small-W1A1-refined-tau4-seed0.json").rename(folder / "kept.json")
    experiment(folder, "measure", "--images", 10, "--rounds", 3)
    (folder / "kept.json").rename(folder / "out/results/small-W1A1-refined-tau4-seed0.json")
    path = folder / "out/results/small-W1A1-bnn-seed0.json"
    compiled = json.loads(path.read_text())["compiled"]
    assert compiled["images"] == 10
    assert compiled["classes_differ"] == 0
    assert compiled["logits_differ"] == compiled["differences_by_ties"]
    assert compiled["accuracy"] == compiled["accuracy_torch"]
    assert len(results) == 2


def test_methods_cover_the_paper_and_what_goes_beyond():
    keys = [method.key for method in methods((5, 3))]
    assert len(keys) == len(set(keys)) == 2 + 2 * 7 + 3
    assert {"float", "bnn", "uniform-tau5", "codewords-tau3", "paired-K64"} <= set(keys)
    planned = list(cases(("resnet",), ("W1A1",), (5,), 2, ("bnn", "paired")))
    assert [case.seed for case in planned] == [0] * 4 + [1] * 4


@pytest.mark.parametrize("method", methods((3,)), ids=lambda method: method.key)
def test_every_method_builds_and_notes_its_kernels(method, tmp_path):
    (case,) = (c for c in cases(("vgg",), ("W1A32",), (3,), 1) if c.method == method)
    model = case.build()
    noted = kernels_of(model)
    assert len(noted) == 5
    subset = noted["blocks.0.1"]["subset"]
    expected = {"float": None, "bnn": None}.get(method.name, 8)
    if method.name == "paired":
        expected = dict(method.options)["subset_size"]
    assert (None if subset is None else len(subset)) == expected
    assert KernelNotes(tmp_path).all() == []
