import pytest

from tests.tvm_snn.bench.measured import CONVOLUTIONS, every_layer, ours, row
from tvm_snn.bench.goals import goals_table, ratios_of


def _ratios(rows) -> dict[str, float]:
    return {ratio.what: ratio.value for ratio in ratios_of(rows)}


def test_each_layer_of_the_others_counts_by_its_fastest() -> None:
    rows = [
        *every_layer(ours, "SNN W1A1", 10.0),
        *every_layer(row, "BNN W1A1", 40.0, engine="OpenVINO"),
        *every_layer(ours, "BNN W1A1", 50.0),
        *every_layer(ours, "BNN W1A1", 1.0, target="AVX2"),
        ours("64@56", "BNN W1A1", 8.0),
    ]
    found = _ratios(rows)["16 convs, W1A1, AVX-512: single units over the best BNN"]
    assert found == pytest.approx((12 * 40 + 4 * 8) / (CONVOLUTIONS * 10))


def test_avx2_is_compared_with_our_own() -> None:
    rows = [
        *every_layer(ours, "SNN W1A1", 20.0, target="AVX2"),
        *every_layer(ours, "BNN W1A1", 50.0, target="AVX2"),
        *every_layer(row, "BNN W1A1", 1.0, engine="OpenVINO"),
    ]
    assert _ratios(rows)["AVX2: single units over our own BNN"] == 2.5


def test_a_sum_that_lacks_a_layer_is_left_out() -> None:
    rows = [*every_layer(ours, "SNN W1A1", 10.0)[1:], *every_layer(row, "int8", 10.0)]
    assert list(_ratios(rows)) == [
        "the strategy chosen over the fastest: 64-128@56/2, SNN W1A1, AVX-512"
    ]


def test_int8_counts_with_and_without_amx() -> None:
    rows = [
        *every_layer(ours, "SNN W1A1", 10.0),
        *every_layer(row, "int8", 20.0, engine="OpenVINO"),
        *every_layer(row, "int8 without AMX", 45.0, engine="OpenVINO without AMX"),
    ]
    found = _ratios(rows)
    assert found["single units over the best int8"] == 2.0
    assert found["single units over the best int8 without AMX"] == 4.5


def test_only_one_thread_counts() -> None:
    rows = [
        *every_layer(ours, "SNN W1A32", 10.0, threads=2),
        *every_layer(row, "float32", 40.0, threads=2),
    ]
    assert not _ratios(rows)


def test_whole_networks_and_what_is_reached() -> None:
    network = "resnet18 W1A1, batch 1"
    rows = [
        ours(network, "compiled, tau 5", 10_000.0, chosen=False),
        ours(network, "compiled, 1 bit", 1.0, chosen=False),
        ours(network, "time to compile, tau 5", 120e6, chosen=False),
        ours(network, "compiled, tau 5, without tuning records", 12_000.0, chosen=False),
        row(network, "float32", 90_000.0),
        row(network, "float32", 70_000.0, engine="OpenVINO"),
        row(network, "float32, ReLU", 1.0),
        row(network, "int8", 15_000.0),
    ]
    assert [cells[1:] for cells in goals_table(ratios_of(rows)).rows] == [
        ["10.00", "70.00", "7.00", "7.00", "6.00", "yes"],
        ["10.00", "15.00", "1.50", "1.50", "1.80", "no"],
        ["10.00", "12.00", "1.20", "1.20", "1.10", "yes"],
        ["120000.00", "60000.00", "0.50", "1.00", "1.00", "no"],
    ]


def test_the_worst_choice_is_shown() -> None:
    rows = [
        ours("64@56", "SNN W1A1", 10.0),
        ours("64@56", "SNN W1A1", 9.0, kernel="gather", chosen=False),
        ours("512@7", "SNN W1A1", 10.0),
        ours("512@7", "SNN W1A1", 5.0, kernel="gather", chosen=False),
    ]
    assert _ratios(rows) == {"the strategy chosen over the fastest: 512@7, SNN W1A1, AVX-512": 0.5}
