"""`tvm-snn compile`: a model to an artifact."""

from pathlib import Path

import click

from ..compiled_network import CompiledNetwork
from ..compiler import compile
from ..network import Network
from .models import load_model, model_arguments
from .output import check_writable, json_option, print_report


@click.command("compile", short_help="Compile a model and write the artifact.")
@model_arguments
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="The artifact to write, for example net.snn.",
)
@click.option(
    "--target",
    default="host",
    show_default=True,
    help='The machine to compile for: "host", a board such as "raspberry-pi-4", '
    '"llvm -mcpu=cortex-a72", a tag of TVM, or JSON.',
)
@click.option(
    "--records",
    type=click.Path(path_type=Path),
    help="Tuning records to use before those that ship with tvm_snn: see `tvm-snn tune`.",
)
@click.option(
    "--verify/--no-verify",
    default=None,
    help="Compare the result with the reference interpreter on a seeded input.  [default: where "
    "this machine can run it]",
)
@json_option
def compile_command(
    model: str,
    shapes: tuple[str, ...],
    output: Path,
    target: str,
    records: Path | None,
    verify: bool | None,
    as_json: bool,
) -> None:
    """Compile MODEL and write the artifact."""
    check_writable(output)
    source, examples = load_model(model, shapes)
    network = compile(source, target, example_inputs=examples, records=records, verify=verify)
    network.save(output)
    print_report(network.report(), as_json)
    if not as_json:
        size = output.stat().st_size
        click.echo(
            f"{_checked(network, verify)}; wrote {output}: {size:,} bytes, "
            f"of which {network.artifact.weight_bytes:,} are weights"
        )


def _checked(network: CompiledNetwork, verify: bool | None) -> str:
    if isinstance(network, Network):
        return "NOT verified" if verify is False else "verified"
    return f"NOT verified: it is for another machine ({network.artifact.requirements})"
