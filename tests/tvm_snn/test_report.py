import json

import tvm_snn
from tests.compiled import small_module, small_network


def test_inspect_gives_every_layer_a_line_and_a_reason() -> None:
    report = tvm_snn.inspect(small_module())
    assert [(row.name, row.verdict, row.activation) for row in report.rows] == [
        ("stem", "dense", ""),
        ("layer1.conv", "sub-bit", "W1A1"),
        ("layer2.conv", "sub-bit", "W1A32"),
        ("layer3.conv", "binary", "W1A1"),
        ("fc", "dense", ""),
    ]
    assert all(row.reason for row in report.rows)
    lines = str(report).splitlines()
    assert len(lines) >= len(report.rows) + 2
    assert "3 sub-bit or binary layers" in lines[-1]


def test_a_compiled_network_says_which_strategy_it_took_and_why() -> None:
    binary = small_network().report().binary_rows
    assert all(row.strategy and row.strategy_reason for row in binary)


def test_bits_and_operations_are_counted() -> None:
    first, second, third = tvm_snn.inspect(small_module()).binary_rows
    # Batch 2 at 8x8, then at 4x4; K = 8 serves 16 outputs, K = 16 does not pay.
    assert first.weight_bits == 3 * 256
    assert first.bit_operations == 9 * 16 * 8 * 128 + 16 * 16 * 128 // 2
    assert second.bit_operations == 32 * 9 * 16 * 16 * 32
    assert (third.weight_bits, third.bit_operations) == (9 * 256, 9 * 16 * 16 * 32)


def test_json_holds_the_same() -> None:
    report = tvm_snn.inspect(small_module())
    data = json.loads(report.to_json())
    assert [layer["name"] for layer in data["layers"]] == [row.name for row in report.rows]
    assert data["binary_bits"] == report.binary_bits


def test_names_with_brackets_are_printed_as_they_are() -> None:
    report = tvm_snn.inspect(small_module())
    row = report.rows[0]
    renamed = tvm_snn.Report((type(row)(**{**row.__dict__, "name": "a[red]b"}),))
    assert "a[red]b" in str(renamed)
