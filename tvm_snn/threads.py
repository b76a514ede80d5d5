"""How many threads a network runs on, through TVM's thread pool.

TVM keeps one pool for each thread that calls it, sized when that thread first needs it. Left to
itself it takes half of the logical processors, whatever this process may use, and pins the calling
thread to one of them. Here a pool gets room for every processor that this process may use and is
then limited to the number asked for; nothing is pinned, so that two processes side by side do not
end up on one processor.
"""

import math
import os
from collections.abc import Set
from functools import lru_cache
from pathlib import Path

from .errors import SnnError
from .tvm_api import configure_threads, thread_count

VARIABLE = "TVM_NUM_THREADS"
"""The environment variable that TVM itself reads; it sets the default."""


def _allowed_processors() -> frozenset[int]:
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


# Taken before a pool that TVM starts by itself can pin this thread.
_PROCESSORS = _allowed_processors()


def check_threads(count: int | None) -> int:
    """Return `count`, or the default for None; raises SnnError when it cannot be had.

    The default is the environment's TVM_NUM_THREADS if that is set, else the cores that this
    process may use (see :func:`usable_cores`). More threads than logical processors are refused:
    the pool's threads wait by spinning, and would take the time from those that work.
    """
    if count is None:
        return min(_from_environment() or usable_cores(), len(_PROCESSORS))
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise SnnError(
            f"num_threads is a number from 1 on, or None for the default; not {count!r}."
        )
    if count > len(_PROCESSORS):
        raise SnnError(
            f"num_threads is {count}, but this process may run on {len(_PROCESSORS)} processors. "
            "Give at most that many."
        )
    return count


def use_threads(count: int, insist: bool = True) -> None:
    """Let what TVM runs next in the calling thread use `count` threads.

    TVM cannot enlarge a pool: when it was used in this thread before, with fewer threads, then
    raises SnnError, or, unless told to `insist`, makes do with those.
    """
    configure_threads(count, sorted(_PROCESSORS))
    available = thread_count()
    if insist and available < count:
        raise SnnError(
            f"num_threads is {count}, but TVM has started this thread's pool with {available}. "
            f"Set the environment variable {VARIABLE}={count} before TVM is used for anything "
            "else, or run the network in a thread of its own."
        )


@lru_cache(maxsize=1)
def usable_cores() -> int:
    """Return how many cores this process may keep busy.

    Two hardware threads of one core count once: they share the vector units, which is what the
    kernels are limited by. A container's quota of processor time counts too.
    """
    cores = _cores(_PROCESSORS, Path("/sys/devices/system/cpu"))
    return max(1, min(cores, _quota(Path("/sys/fs/cgroup/cpu.max"))))


def _cores(processors: Set[int], folder: Path) -> int:
    """Return the number of cores behind the logical processors, as Linux describes them."""
    siblings = set()
    for processor in processors:
        path = folder / f"cpu{processor}" / "topology" / "thread_siblings_list"
        siblings.add(path.read_text().strip() if path.exists() else str(processor))
    return len(siblings)


def _quota(path: Path) -> int:
    """Return how many processors' time a control group grants, rounded up."""
    granted, _, period = path.read_text().strip().partition(" ") if path.exists() else ("", "", "")
    if not granted.isdecimal() or not period.isdecimal():
        return len(_PROCESSORS)
    return math.ceil(int(granted) / int(period))


def _from_environment() -> int | None:
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise SnnError(f"The environment has {VARIABLE}={text!r}; write a number from 1 on.")
    return int(text)
