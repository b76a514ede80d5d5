"""Networks whose layers an accelerator computes, simulated beside this machine's processor."""

import functools
import json
import zipfile

import numpy as np
import pytest
from tvm import relax

import tvm_snn
from tests.building import module, named, sub_bit_weight, tensor
from tvm_snn.artifact import read_artifact, write_artifact
from tvm_snn.errors import ArtifactError, TargetError, UnsupportedOperatorError


def _network():
    """A float stem, convolutions of every kind that the accelerator has, one that it has not."""
    generator = np.random.default_rng(0)

    def floats(*shape):
        return relax.const(generator.normal(size=shape).astype(np.float32))

    def sign(builder, x):
        return builder.emit(relax.op.sign(builder.emit(relax.op.add(x, floats(1, 16, 1, 1)))))

    def body(builder, image):
        conv = relax.op.nn.conv2d
        x = named(builder, "stem", conv(image, floats(16, 3, 3, 3), padding=(1, 1)))
        for number, (unit, area, stride) in enumerate(
            [(1, (3, 3), 1), (1, (3, 3), 2), (2, (3, 3), 1), (8, (1, 1), 1)]
        ):
            scale = np.linspace(-1, 2, 16).astype(np.float32)
            weight = sub_bit_weight(16, 16, unit=unit, area=area, size=8, seed=number, scale=scale)
            padding = (1, 1) if area == (3, 3) else (0, 0)
            call = conv(
                sign(builder, x), relax.const(weight), padding=padding, strides=(stride, stride)
            )
            x = named(builder, f"layer{number}", call)
        weight = relax.const(sub_bit_weight(16, 16, size=8, seed=9))
        x = named(builder, "wide", conv(sign(builder, x), weight, padding=(2, 2), dilation=(2, 2)))
        return builder.emit(relax.op.mean(x, [2, 3]))

    return module([tensor("image", 2, 3, 8, 8)], body)


@functools.cache
def _compiled():
    return tvm_snn.compile(_network(), "tiny", verify=False)


def _image(seed=0):
    return np.random.default_rng(seed).normal(size=(2, 3, 8, 8)).astype(np.float32)


def test_a_network_is_what_the_reference_says():
    verification = tvm_snn.verify(_compiled(), _image())

    names = {check.tensor: check.exact for check in verification.checks}
    assert all(names[f"layer{number}"] for number in (1, 2, 3))
    assert verification.ties == 0


@functools.cache
def _of_levels():
    """Two layers of 2-bit activations, the second with zeros below and at the right alone."""

    def body(builder, image):
        def levels(x):
            inside = builder.emit(relax.op.clip(x, 0, 1))
            steps = builder.emit(relax.op.multiply(inside, relax.const(np.float32(3))))
            whole = builder.emit(relax.op.round(steps))
            return builder.emit(relax.op.multiply(whole, relax.const(np.float32(1 / 3))))

        x = image
        for number, (unit, padding) in enumerate([(1, (1, 1, 1, 1)), (2, (0, 0, 1, 1))]):
            scale = np.linspace(0.02, 0.2, 16).astype(np.float32)
            weight = sub_bit_weight(16, 16, unit=unit, size=8, seed=number, scale=scale)
            call = relax.op.nn.conv2d(levels(x), relax.const(weight), (number + 1,) * 2, padding)
            x = named(builder, f"layer{number}", call)
        return builder.emit(relax.op.nn.relu(x))

    return tvm_snn.compile(module([tensor("image", 1, 16, 6, 5)], body), "tiny", verify=False)


def _image_of_levels():
    return np.random.default_rng(4).uniform(-0.5, 1.5, (1, 16, 6, 5)).astype(np.float32)


def test_layers_of_levels_are_computed_exactly():
    verification = tvm_snn.verify(_of_levels(), _image_of_levels())

    exact = {check.tensor: check.exact for check in verification.checks}
    regions = _of_levels().artifact.accelerator.regions
    assert [region.layers for region in regions] == [("layer0",), ("layer1",)]
    assert exact["layer0"]
    assert exact["layer1"]
    rows = {row.name: row.strategy_reason for row in _of_levels().report().rows}
    assert rows["layer0"] == "on accelerator; its sums go to the CPU"
    assert _of_levels()(_image_of_levels()).shape == (1, 16, 3, 2)


def test_the_report_says_where_and_why():
    rows = {row.name: row for row in _compiled().report().rows}

    assert [rows[f"layer{n}"].strategy for n in range(4)] == ["accelerator"] * 4
    assert rows["layer0"].strategy_reason == "on accelerator, its signs by exact thresholds, too"
    assert rows["stem"].strategy_reason == "on CPU: because its weights are no signs"
    assert rows["wide"].strategy_reason.startswith("on CPU: because its dilation is (2, 2)")
    assert rows["wide"].strategy not in ("", "accelerator")
    regions = _compiled().artifact.accelerator.regions
    assert [region.layers for region in regions] == [("layer0", "layer1"), ("layer2",), ("layer3",)]


def test_a_network_comes_back_from_its_file(tmp_path):
    path = tmp_path / "net.snn"
    _compiled().save(path)
    loaded = tvm_snn.load(path)

    assert np.array_equal(loaded(_image(1)), _compiled()(_image(1)))
    assert loaded.artifact.accelerator == _compiled().artifact.accelerator
    with zipfile.ZipFile(path) as archive:
        assert "accelerator/0.instructions" in archive.namelist()


@pytest.mark.parametrize("what", ["address", "form", "instructions"])
def test_a_description_that_does_not_fit_is_refused(tmp_path, what, monkeypatch):
    path = tmp_path / "net.snn"
    compiled = _compiled()
    region = compiled.artifact.accelerator.regions[0]
    changes = {
        "address": {"address": region.memory_bytes},
        "form": {"form": "accumulator"},
        "instructions": None,
    }[what]
    manifest = tvm_snn.artifact._accelerator_manifest

    def damaged(programs):
        made = json.loads(json.dumps(manifest(programs)))
        if changes is None:
            made["regions"][0]["memory_bytes"] = 3
        else:
            made["regions"][0]["inputs"][0] |= changes
        return made

    monkeypatch.setattr(tvm_snn.artifact, "_accelerator_manifest", damaged)
    write_artifact(compiled.artifact, path)

    with pytest.raises(ArtifactError, match="layers layer0, layer1"):
        read_artifact(path)


@pytest.mark.slow
def test_the_rtl_gives_the_same_and_counts_cycles(tmp_path):
    path = tmp_path / "net.snn"
    _compiled().save(path)
    loaded = tvm_snn.load(path, accelerator="rtl")

    assert np.array_equal(loaded(_image()), _compiled()(_image()))
    assert all(loaded.accelerator.cycles[number] > 100 for number in range(3))


@pytest.mark.slow
def test_the_rtl_computes_layers_of_levels(tmp_path):
    path = tmp_path / "net.snn"
    _of_levels().save(path)
    loaded = tvm_snn.load(path, accelerator="rtl")

    assert np.array_equal(loaded(_image_of_levels()), _of_levels()(_image_of_levels()))


def test_a_profile_says_that_times_are_simulated():
    assert "no hardware's" in tvm_snn.profile(_compiled(), _image(), runs=1).summary()


def test_an_unknown_simulator_is_named(tmp_path):
    path = tmp_path / "net.snn"
    _compiled().save(path)

    with pytest.raises(TargetError, match=r"no simulator 'board'.*'functional', 'rtl'"):
        tvm_snn.load(path, accelerator="board")


def test_c_libraries_have_no_accelerator(tmp_path):
    with pytest.raises(UnsupportedOperatorError, match=r"accelerator.*llvm -mcpu=cortex-a9"):
        _compiled().export_c(tmp_path / "net.so")
