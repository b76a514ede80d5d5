"""Ctrl-C during tuning: what is being measured is finished and kept, a second one ends at once."""

import signal
import sys
import threading
from types import FrameType
from typing import Any


class Interrupt:
    """Whether the user has asked to stop, while the block runs."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._requested = False
        self._before: Any = None

    def requested(self) -> bool:
        """Tell whether Ctrl-C was pressed."""
        return self._requested

    def __enter__(self) -> "Interrupt":
        """Listen, where Python lets us: in the main thread."""
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _ask(self, _signal: int, _frame: FrameType | None) -> None:
        if self._requested:
            raise KeyboardInterrupt
        self._requested = True
        if sys.stderr.isatty():
            sys.stderr.write("finishing what is being measured; Ctrl-C again ends at once\n")
