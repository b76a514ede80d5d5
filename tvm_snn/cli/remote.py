"""The option --remote of the commands that run a network."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from ..compiled_network import CompiledNetwork
from ..network import load
from ..remote import connect

Command = Callable[..., None]


def remote_option(command: Command) -> Command:
    """Add the options --remote and --timeout."""
    command = click.option(
        "--timeout",
        default=60.0,
        show_default=True,
        type=click.FloatRange(min=0, min_open=True),
        help="Seconds that a board may take for one run.",
    )(command)
    return click.option(
        "--remote",
        metavar="HOST:PORT",
        help="Run on the board at this address, where `tvm-snn serve` runs.",
    )(command)


@contextmanager
def opened(
    network: str, threads: int | None, remote: str | None, timeout: float
) -> Iterator[CompiledNetwork]:
    """Yield the artifact's network, on this machine or on a board."""
    if remote is None:
        yield load(network, num_threads=threads)
        return
    with connect(remote, timeout=timeout) as board:
        yield board.load(network, num_threads=threads)
