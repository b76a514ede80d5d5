"""What estimates for ARM add for data that the first cache cannot hold."""

from hypothesis import given
from hypothesis import strategies as st

from tvm_snn.schedules.near_cache import LINE_CYCLES, near_bytes, scattered_reads

KB = 1024
SIZES = st.integers(1, 1 << 20)


def test_what_fits_costs_nothing_and_what_never_fits_a_line_each() -> None:
    assert scattered_reads(1000, 16 * KB, 16 * KB, 32 * KB) == 0
    assert scattered_reads(1000, 64 * KB, 512 * KB, 32 * KB) == 1000 * LINE_CYCLES


def test_a_table_as_large_as_the_cache_leaves_no_room_for_anything_else() -> None:
    lacking = scattered_reads(1000, 32 * KB, 8 * KB, near_bytes(recent=False)) / LINE_CYCLES
    assert 250 <= lacking < 500
    assert scattered_reads(1000, 32 * KB, 8 * KB, near_bytes(recent=True)) == 0


@given(SIZES, SIZES, SIZES, SIZES)
def test_more_beside_a_table_never_costs_less(
    table: int, beside: int, more: int, cache: int
) -> None:
    before = scattered_reads(1, table, beside, cache)
    assert 0 <= before <= scattered_reads(1, table, beside + more, cache) <= LINE_CYCLES
