"""`tvm-snn profile`: measured time per layer of an artifact."""

import json
from dataclasses import asdict

import click

from ..network import load
from ..profiling import profile
from ..verification import seeded_inputs
from .models import load_arrays
from .output import json_option


@click.command("profile")
@click.argument("network")
@click.argument("inputs", nargs=-1, metavar="[INPUT.npy]...")
@click.option("--runs", default=20, show_default=True, type=click.IntRange(min=1))
@json_option
def profile_command(network: str, inputs: tuple[str, ...], runs: int, as_json: bool) -> None:
    """Measure the compiled NETWORK: each layer and the whole, medians over several runs.

    Without INPUT files the inputs are random numbers, always the same.
    """
    loaded = load(network)
    arrays = load_arrays(inputs) or seeded_inputs(loaded.inputs)
    measured = profile(loaded, *arrays, runs=runs)
    click.echo(json.dumps(asdict(measured), indent=2) if as_json else measured)
