"""Inner loops side by side: why kernels for signs do without dot products of bytes."""

import pytest

from tests.tvm_snn.bench.arm.needs import needs_llvm
from tvm_snn.bench.arm.inner_loops import LoopRow, inner_loops, loop_rows, loop_table

pytestmark = needs_llvm


@pytest.fixture(scope="module")
def rows() -> list[LoopRow]:
    return loop_rows()


def test_what_kernels_do_is_as_fast_as_any_other_way_on_a_cortex_a76(rows: list[LoopRow]) -> None:
    own = {row.loop: row for row in rows if row.cpu.startswith("cortex-a76")}
    count, dot, look, look_dot, products = own.values()
    assert count.used
    assert look.used
    assert count.speed >= dot.speed > products.speed
    assert look.speed > 1.5 * look_dot.speed


def test_products_of_matrices_do_not_reach_counting_either(rows: list[LoopRow]) -> None:
    count, *_, matrices = (row for row in rows if row.cpu == "neoverse-v1")
    assert matrices.speed < count.speed


def test_the_table_has_every_loop(rows: list[LoopRow]) -> None:
    table = loop_table(rows)
    assert len(table.rows) == len(inner_loops())
    assert [bool(line[1]) for line in table.rows] == [not loop.matrices for loop in inner_loops()]
