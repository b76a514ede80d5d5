"""Configurations come from JSON files and are checked."""

import json

import pytest

from tvm_snn.errors import TargetError
from tvm_snn.target.vta.configuration import CONFIGURATIONS, load_configuration


@pytest.mark.parametrize("path", sorted(CONFIGURATIONS.glob("*.json")), ids=lambda path: path.stem)
def test_shipped_configurations_load_and_say_their_own_text(path):
    configuration = load_configuration(path.stem)

    assert configuration.name == path.stem
    assert configuration.to_json() == path.read_text()


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(TargetError, match="There are int8-bnn, int8-snn, paper-64pe"):
        load_configuration("virtex")


def test_a_missing_parameter_is_named(tmp_path):
    values = json.loads((CONFIGURATIONS / "tiny.json").read_text())
    del values["adders"]
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(values))

    with pytest.raises(TargetError, match=r"missing: \['adders'\]"):
        load_configuration(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": 12}, "channels is 12, expected 8, 16, 32 or 64"),
        ({"plane_lines": 4097}, "plane_lines is 4097, expected 1 to 4096: what instructions can"),
        ({"activation_lines": 0}, "activation_lines is 0, expected 1 to 16384"),
    ],
)
def test_a_value_out_of_range_says_what_is_expected(tmp_path, change, message):
    values = json.loads((CONFIGURATIONS / "tiny.json").read_text()) | change
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(values))

    with pytest.raises(TargetError, match=message):
        load_configuration(path)
