"""When the machines to measure on are gone."""

import pytest

from tvm_snn.tuning.evaluate import NO_SERVER, WRONG_SERVER
from tvm_snn.tuning.session import Lost

GONE = f"{NO_SERVER}'board' was free within 30 s"


@pytest.mark.parametrize("message", [GONE, f"{WRONG_SERVER}'board' is of another kind: it is x86"])
def test_servers_that_are_of_no_use_end_the_search(message: str) -> None:
    lost = Lost()
    for _ in range(2):
        lost.failed(message)
    assert not lost.cause
    lost.failed(f"tvm_snn.errors.TuningError: {message}")
    assert lost.cause == message


def test_a_measurement_or_another_failure_in_between_does_not() -> None:
    lost = Lost()
    for _ in range(3):
        lost.failed(GONE)
        lost.failed(GONE)
        lost.measured()
        lost.failed(GONE)
        lost.failed("the kernel has crashed")
    assert not lost.cause
