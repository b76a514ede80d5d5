"""Waiting for another machine, but not for ever."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

_Value = TypeVar("_Value")
_LOOK_SECONDS = 0.5


def within(seconds: float, work: Callable[[], _Value]) -> _Value:
    """Return what `work` returns, or raise what it raises; TimeoutError when it takes too long.

    Work that took too long goes on in a thread that nobody waits for: a call that waits for a
    machine without power cannot be taken back.
    """
    outcome: list[_Value] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:
            # Raised again below, in the thread that asked.
            failure.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    # A Ctrl-C that the system hands to another thread is noted there, but wakes nobody here.
    deadline = time.monotonic() + seconds
    while thread.is_alive() and (left := deadline - time.monotonic()) > 0:
        thread.join(min(left, _LOOK_SECONDS))
    if failure:
        raise failure[0]
    if not outcome:
        raise TimeoutError(f"no answer in {seconds:g} s")
    return outcome[0]
