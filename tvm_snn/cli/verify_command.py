"""`tvm-snn verify`: a compiled network against the reference interpreter."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import click
from click.core import ParameterSource

from ..compiled_network import CompiledNetwork
from ..compiler import compile
from ..network import Network
from ..seeded_inputs import seeded_inputs
from ..verification import verify_network
from .models import load_arrays, load_model, model_arguments
from .output import json_option, print_json
from .remote import opened, remote_option
from .threads import threads_option


@click.command("verify", short_help="Compare with the reference interpreter, kernel by kernel.")
@model_arguments
@click.argument("inputs", nargs=-1, metavar="[INPUT.npy]...")
@click.option("--target", default="host", show_default=True, help="Target to compile a model for.")
@threads_option
@remote_option
@json_option
def verify_command(
    model: str,
    shapes: tuple[str, ...],
    inputs: tuple[str, ...],
    target: str,
    threads: int | None,
    remote: str | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Compare MODEL, or an artifact (.snn), with the reference, kernel by kernel.

    Without INPUT files the inputs are random numbers, always the same. Ends with 1 when the two
    disagree.
    """
    with _opened(model, shapes, target, threads, remote, timeout) as network:
        arrays = load_arrays(inputs) or seeded_inputs(network.inputs)
        verification = verify_network(network, arrays)
    if as_json:
        print_json({**asdict(verification), "ties": verification.ties})
    else:
        click.echo(verification)


@contextmanager
def _opened(
    model: str,
    shapes: tuple[str, ...],
    target: str,
    threads: int | None,
    remote: str | None,
    timeout: float,
) -> Iterator[CompiledNetwork]:
    """Yield an artifact's network, or that of a model compiled for this."""
    if model.endswith(".snn"):
        _refuse_model_options()
        with opened(model, threads, remote, timeout) as network:
            yield network
        return
    if remote is not None:
        raise click.UsageError("--remote is for artifacts: compile the model for the board first.")
    source, examples = load_model(model, shapes)
    compiled = compile(source, target, example_inputs=examples, verify=False)
    yield Network(compiled.artifact, threads)


def _refuse_model_options() -> None:
    context = click.get_current_context()
    for name, option in (("shapes", "--shape"), ("target", "--target")):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(
                f"{option} is for models; an artifact has its shapes and its target already."
            )
