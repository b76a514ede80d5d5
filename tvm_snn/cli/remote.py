"""The option --remote of the commands that run a network."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from ..compiled_network import CompiledNetwork
from ..network import load
from ..remote import connect
from ..target.vta.simulator.boards import SIMULATORS

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
    network: str,
    threads: int | None,
    remote: str | None,
    timeout: float,
    simulator: str | None = None,
) -> Iterator[CompiledNetwork]:
    """Yield the artifact's network, on this machine or on a board.

    `simulator` is that of an accelerator. Raises UsageError where there is none to simulate.
    """
    if remote is None:
        loaded = load(network, num_threads=threads, accelerator=simulator or SIMULATORS[0])
        if simulator is not None and loaded.accelerator is None:
            raise click.UsageError(
                f"--simulator is for networks with an accelerator; {network} was compiled "
                "without one (a target with one: pynq-z2)."
            )
        yield loaded
        return
    if simulator is not None:
        raise click.UsageError("--simulator and --remote exclude each other.")
    with connect(remote, timeout=timeout) as board:
        yield board.load(network, num_threads=threads)
