"""Waiting for another machine, but not for ever."""

import threading
from collections.abc import Callable
from typing import TypeVar

_Value = TypeVar("_Value")


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
    thread.join(seconds)
    if failure:
        raise failure[0]
    if not outcome:
        raise TimeoutError(f"no answer in {seconds:g} s")
    return outcome[0]
