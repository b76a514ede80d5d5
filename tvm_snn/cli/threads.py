"""The option --threads of the commands that run a network."""

from collections.abc import Callable

import click

Command = Callable[..., None]


def threads_option(command: Command) -> Command:
    """Add the option --threads; None, its default, leaves the number to tvm_snn."""
    return click.option(
        "--threads",
        type=click.IntRange(min=1),
        help="How many threads to run on.  [default: TVM_NUM_THREADS, else every usable core]",
    )(command)
