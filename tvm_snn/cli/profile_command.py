"""`tvm-snn profile`: measured time per layer of an artifact."""

from dataclasses import asdict

import click

from ..profiling import profile
from ..seeded_inputs import seeded_inputs
from .models import load_arrays
from .output import json_option, print_json, print_report
from .remote import opened, remote_option
from .simulator import simulator_option
from .threads import threads_option


@click.command("profile", short_help="Measure each layer of an artifact.")
@click.argument("network")
@click.argument("inputs", nargs=-1, metavar="[INPUT.npy]...")
@click.option(
    "--runs", default=20, show_default=True, type=click.IntRange(min=1), help="How often to run."
)
@threads_option
@simulator_option
@remote_option
@json_option
def profile_command(
    network: str,
    inputs: tuple[str, ...],
    runs: int,
    threads: int | None,
    simulator: str | None,
    remote: str | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Measure the compiled NETWORK: each layer and the whole, medians over several runs.

    Without INPUT files the inputs are random numbers, always the same.
    """
    with opened(network, threads, remote, timeout, simulator) as loaded:
        arrays = load_arrays(inputs) or seeded_inputs(loaded.inputs)
        measured = profile(loaded, *arrays, runs=runs)
    if as_json:
        print_json(asdict(measured))
        return
    print_report(measured.report, as_json=False)
    click.echo(measured.summary())
