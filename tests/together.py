"""Functions that run in two processes at once, with an end."""

import time
from collections.abc import Callable
from typing import Any

import torch

_SECONDS = 300


def run_in_two_processes(function: Callable[..., None], *arguments: Any) -> None:
    """Call `function(rank, *arguments)` for the ranks 0 and 1; what it raises is raised here."""
    workers = torch.multiprocessing.spawn(function, arguments, nprocs=2, join=False)
    deadline = time.monotonic() + _SECONDS
    try:
        while not workers.join(1):
            assert time.monotonic() < deadline, f"{function.__name__} runs for ever"
    finally:
        for process in workers.processes:
            process.kill()
