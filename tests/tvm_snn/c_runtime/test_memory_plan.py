from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from tvm_snn.c_runtime.bare_kernels import ALIGNMENT
from tvm_snn.c_runtime.memory_plan import Lifetime, aligned, plan_memory
from tvm_snn.c_runtime.program import Value


@st.composite
def lifetimes(draw: st.DrawFn) -> list[Lifetime]:
    spans = st.tuples(st.integers(0, 300), st.integers(0, 12), st.integers(0, 5))
    return [
        Lifetime(Value(f"v{index}", size), first, first + length)
        for index, (size, first, length) in enumerate(draw(st.lists(spans, max_size=20)))
    ]


@given(lifetimes())
def test_what_is_in_use_at_a_time_does_not_overlap(wanted: list[Lifetime]) -> None:
    plan = plan_memory(wanted)
    for one, other in combinations(wanted, 2):
        if one.meets(other):
            starts = plan.offsets[one.value], plan.offsets[other.value]
            assert (
                starts[0] + one.value.nbytes <= starts[1]
                or starts[1] + other.value.nbytes <= starts[0]
            )
    for lifetime in wanted:
        assert plan.offsets[lifetime.value] % ALIGNMENT == 0
        assert plan.offsets[lifetime.value] + lifetime.value.nbytes <= plan.nbytes


@given(lifetimes())
def test_no_more_than_if_nothing_were_shared(wanted: list[Lifetime]) -> None:
    assert plan_memory(wanted).nbytes <= sum(aligned(lifetime.value.nbytes) for lifetime in wanted)


def test_a_chain_takes_the_memory_of_two_neighbours() -> None:
    chain = [Lifetime(Value(f"v{index}", 64), index, index + 1) for index in range(10)]
    assert plan_memory(chain).nbytes == 2 * 64


def test_a_gap_is_filled() -> None:
    first, second, third = (Value(name, size) for name, size in [("a", 640), ("b", 128), ("c", 64)])
    plan = plan_memory([Lifetime(first, 0, 1), Lifetime(second, 1, 3), Lifetime(third, 2, 3)])
    assert plan.offsets == {first: 0, second: 640, third: 0}
