"""Lines of a memory go to what is needed next, and what is in use keeps its own."""

import pytest

from tvm_snn.errors import SnnError
from tvm_snn.target.vta.codegen.accesses import Place
from tvm_snn.target.vta.codegen.needs import Need
from tvm_snn.target.vta.codegen.residency import Residency, appointments


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


def test_needs_are_appointed_from_the_last_to_the_first():
    small, large, last = _need(0, 20), _need(1, 50), _need(2, 60)

    found = appointments([small, large, small, last], 100)

    # The second does not fit before the third: it lies at the end, over it.
    assert found == {last: 40, large: 50, small: 30}


def test_what_waits_for_its_appointed_lines_takes_no_others():
    first, second = _need(0, 40), _need(1, 50)
    memory = Residency("index", 100, {first: 0, second: 30})
    assert memory.place(first, []) == 0

    assert memory.place(second, [first], patient=True) is None
    assert memory.place(second, [first]) == 50
    assert memory.place(second, []) == 30
