from dataclasses import replace

from tvm_snn.bench.tuning import TunedSpace, spaces_table

SPACE = TunedSpace(
    "AVX2",
    "64@56",
    4,
    205,
    "subset_lookup",
    {"subset_lookup (pixels 4)": 50.0, "subset_lookup": 100.0, "a": 200.0, "b": 400.0},
    "subset_lookup (pixels 4)",
    1.01,
    1.0,
    0.03,
    False,
)


def test_other_points_are_relative_to_the_default() -> None:
    assert SPACE.ratios == [2.0, 0.5, 0.25]
    (row,) = spaces_table([SPACE]).rows
    assert row[3:10] == [
        "205",
        "4",
        "subset_lookup 100.0",
        "2.000",
        "0.500",
        "0.250",
        "subset_lookup (pixels 4)",
    ]
    assert row[-1] == "no"


def test_where_the_default_is_fastest_in_turns_it_says_so() -> None:
    (row,) = spaces_table([replace(SPACE, fastest="subset_lookup")]).rows
    assert row[9] == "the default"


def test_a_space_of_one_point_has_no_others() -> None:
    (row,) = spaces_table([replace(SPACE, microseconds={"subset_lookup": 100.0})]).rows
    assert row[6:9] == ["", "", ""]
