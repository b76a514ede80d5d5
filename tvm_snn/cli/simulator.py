"""The option --simulator of the commands that run a network on this machine."""

from collections.abc import Callable

import click

from ..target.vta.simulator.boards import SIMULATORS

Command = Callable[..., None]


def simulator_option(command: Command) -> Command:
    """Add the option --simulator; None, its default, is the first of them."""
    return click.option(
        "--simulator",
        type=click.Choice(SIMULATORS),
        help="What simulates an accelerator that the network was compiled for: its instructions, "
        f"or its RTL, to the cycle.  [default: {SIMULATORS[0]}]",
    )(command)
