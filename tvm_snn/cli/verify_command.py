"""`tvm-snn verify`: a compiled network against the reference interpreter."""

from dataclasses import asdict

import click
from click.core import ParameterSource

from ..compiler import compile
from ..network import Network, load
from ..seeded_inputs import seeded_inputs
from ..verification import verify_network
from .models import load_arrays, load_model, model_arguments
from .output import json_option, print_json
from .threads import threads_option


@click.command("verify", short_help="Compare with the reference interpreter, kernel by kernel.")
@model_arguments
@click.argument("inputs", nargs=-1, metavar="[INPUT.npy]...")
@click.option("--target", default="host", show_default=True, help="Target to compile a model for.")
@threads_option
@json_option
def verify_command(
    model: str,
    shapes: tuple[str, ...],
    inputs: tuple[str, ...],
    target: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Compare MODEL, or an artifact (.snn), with the reference, kernel by kernel.

    Without INPUT files the inputs are random numbers, always the same. Ends with 1 when the two
    disagree.
    """
    if model.endswith(".snn"):
        _refuse_model_options()
        network = load(model, num_threads=threads)
    else:
        source, examples = load_model(model, shapes)
        artifact = compile(source, target, example_inputs=examples, verify=False).artifact
        network = Network(artifact, threads)
    arrays = load_arrays(inputs) or seeded_inputs(network.inputs)
    verification = verify_network(network, arrays)
    if as_json:
        print_json({**asdict(verification), "ties": verification.ties})
    else:
        click.echo(verification)


def _refuse_model_options() -> None:
    context = click.get_current_context()
    for name, option in (("shapes", "--shape"), ("target", "--target")):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(
                f"{option} is for models; an artifact has its shapes and its target already."
            )
