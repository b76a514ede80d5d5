import threading

import pytest

from tvm_snn.remote.deadline import within


def test_what_comes_in_time() -> None:
    assert within(10, lambda: 3) == 3
    with pytest.raises(KeyError):
        within(10, lambda: {}[0])


def test_what_comes_too_late() -> None:
    never = threading.Event()
    with pytest.raises(TimeoutError, match=r"no answer in 0\.05 s"):
        within(0.05, never.wait)
    never.set()
