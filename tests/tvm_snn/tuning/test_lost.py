"""When the machines to measure on are gone."""

from tvm_snn.tuning.evaluate import NO_SERVER
from tvm_snn.tuning.session import Lost

GONE = f"{NO_SERVER}'board' was free within 30 s"


def test_servers_that_stay_away_end_the_search() -> None:
    lost = Lost()
    for _ in range(2):
        lost.failed(GONE)
    assert not lost.cause
    lost.failed(GONE)
    assert lost.cause == GONE


def test_a_measurement_or_another_failure_in_between_does_not() -> None:
    lost = Lost()
    for _ in range(3):
        lost.failed(GONE)
        lost.failed(GONE)
        lost.measured()
        lost.failed(GONE)
        lost.failed("the kernel has crashed")
    assert not lost.cause
