"""From a model to its tilings, and from those to a compiled network."""

from dataclasses import replace

import numpy as np
import pytest
from tvm import relax

import tvm_snn
from tests.building import module, named, sub_bit_weight, tensor
from tvm_snn.errors import TuningError
from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.cycle_model import predicted_cycles
from tvm_snn.target.vta.isa.encoding import decode

SMALL = replace(
    load_configuration("tiny"), name="small", activation_lines=96, index_lines=64, plane_lines=128
)


def _network():
    weight = sub_bit_weight(24, 16, size=8)

    def body(builder, image):
        signs = builder.emit(relax.op.sign(image))
        conv = relax.op.nn.conv2d(signs, relax.const(weight), padding=(1, 1))
        return named(builder, "conv", conv)

    return module([tensor("image", 1, 16, 9, 9)], body)


def test_compiling_finds_what_tuning_has_written(tmp_path):
    configuration, path = tmp_path / "small.json", tmp_path / "tilings.json"
    configuration.write_text(SMALL.to_json())
    target = f"host -accelerator={configuration}"

    result = tvm_snn.tune(_network(), target, records=path, trials=100, runner="model")
    compiled = tvm_snn.compile(_network(), target, records=path)

    (row,) = result.layers
    assert row.cycles < row.default_cycles
    (region,) = compiled.artifact.accelerator.regions
    assert predicted_cycles(decode(region.instructions), SMALL) == row.cycles
    image = np.random.default_rng(0).normal(size=(1, 16, 9, 9)).astype(np.float32)
    assert tvm_snn.verify(compiled, [image]).checks


def test_what_cannot_be_tuned_is_named(tmp_path):
    with pytest.raises(TuningError, match="local or model"):
        tvm_snn.tune(_network(), "tiny", records=tmp_path / "t.json", runner="rpc://a:1/b")

    def floats(builder, image):
        return named(builder, "out", relax.op.nn.relu(image))

    plain = module([tensor("image", 1, 16, 9, 9)], floats)
    with pytest.raises(TuningError, match="computes no layer"):
        tvm_snn.tune(plain, "tiny", records=tmp_path / "t.json", runner="model")
