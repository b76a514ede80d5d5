"""The comparison of settings of refinement, on a few images."""

import refinement
import torch
from click.testing import CliRunner

from tests.tvm_snn.training import tiny
from tvm_snn.training import load_data


def test_settings_are_compared_on_images_that_are_not_trained_on(tmp_path, monkeypatch):
    tiny.write_fashion_mnist(tmp_path, 100, 5)
    monkeypatch.setattr(refinement, "HELD_OUT", 30)
    data = load_data("fashion-mnist", tmp_path)
    part = refinement.split(data, 64)
    assert (len(part.train), len(part.test)) == (64, 30)
    assert torch.equal(part.test.images, data.train.images[70:])
    twice = [part.test.batch([3], torch.Generator().manual_seed(seed))[0] for seed in (0, 1)]
    assert torch.equal(*twice)

    options = ["--data-root", str(tmp_path), "--images", "64", "--epochs", "2"]
    for setting in ("1e-9 1e-9 9", "1e-9 1e-9 0", "0.3 0.3 9"):
        options += ["--setting", *setting.split()]
    result = CliRunner().invoke(refinement.main, options)
    assert result.exit_code == 0, result.output
    changed = [float(line.split()[-1].rstrip("%")) for line in result.stdout.splitlines()]
    assert changed[2] > 0
    assert changed == [0, 0, changed[2], 0, 0]


def test_temperatures_of_codewords_are_compared(tmp_path, monkeypatch):
    tiny.write_fashion_mnist(tmp_path, 100, 5)
    monkeypatch.setattr(refinement, "HELD_OUT", 30)
    options = ["--data-root", str(tmp_path), "--images", "64", "--epochs", "2"]
    options += ["--network", "small-vgg"]
    for setting in ("1e-3 9", "1e-3 0"):
        options += ["--codewords", *setting.split()]
    result = CliRunner().invoke(refinement.main, options)
    assert result.exit_code == 0, result.output
    changed = [float(line.split()[-1].rstrip("%")) for line in result.stdout.splitlines()]
    assert changed[2] > 0
    assert changed == [0, 0, changed[2], 0]


def test_latent_weights_start_as_large_as_was_asked_for(tmp_path, monkeypatch):
    tiny.write_fashion_mnist(tmp_path, 100, 5)
    monkeypatch.setattr(refinement, "HELD_OUT", 30)
    sizes = []
    monkeypatch.setattr(
        refinement, "outcome", lambda model, *_: sizes.append(model.blocks[0][1].weight.std())
    )
    options = ["--data-root", str(tmp_path), "--network", "small-vgg", "--setting", "1", "1", "9"]
    for latent in ([], ["--latent", "1"]):
        result = CliRunner().invoke(refinement.main, [*options, *latent])
        assert result.exit_code == 0, result.output
    assert sizes[:3] == [sizes[0]] * 3
    torch.testing.assert_close(sizes[3:], [size / 0.03 for size in sizes[:3]])
