"""Lines of a memory go to what is needed next, and what is in use keeps its own."""

import pytest

from tvm_snn.errors import SnnError
from tvm_snn.target.vta.codegen.accesses import Place
from tvm_snn.target.vta.codegen.needs import Need
from tvm_snn.target.vta.codegen.residency import Residency


def _need(layer: int, lines: int) -> Need:
    return Need(Place.INDEX, layer, 0, lines)


def test_the_oldest_gives_way():
    memory = Residency("index", 100)
    first, second, third = _need(0, 50), _need(1, 50), _need(2, 50)

    assert (memory.place(first, []), memory.place(second, [])) == (0, 50)
    memory.find(first)

    assert memory.place(third, []) == 50
    assert memory.find(second) is None
    assert memory.find(first) == 0


def test_what_is_pinned_stays():
    memory = Residency("index", 100)
    first, second = _need(0, 60), _need(1, 50)
    memory.place(first, [])

    assert memory.place(second, [first]) is None
    assert memory.find(first) == 0


def test_blocked_lines_are_left_alone():
    memory = Residency("index", 100)

    assert memory.place(_need(0, 40), [], [range(30)]) == 30
    assert memory.place(_need(1, 30), [_need(0, 40)], [range(30)]) == 70


def test_what_is_larger_than_the_memory_is_an_error():
    with pytest.raises(SnnError, match=r"101 lines of .* in 100 index lines"):
        Residency("index", 100).place(_need(0, 101), [])
