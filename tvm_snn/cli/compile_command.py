"""`tvm-snn compile`: a model to an artifact."""

from pathlib import Path

import click

from ..compiler import compile
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
    help='The machine to compile for: "host", "llvm -mcpu=haswell", a tag of TVM, or JSON.',
)
@click.option(
    "--records",
    type=click.Path(path_type=Path),
    help="Tuning records to use before those that ship with tvm_snn: see `tvm-snn tune`.",
)
@click.option(
    "--verify/--no-verify",
    default=True,
    show_default=True,
    help="Compare the result with the reference interpreter on a seeded input.",
)
@json_option
def compile_command(
    model: str,
    shapes: tuple[str, ...],
    output: Path,
    target: str,
    records: Path | None,
    verify: bool,
    as_json: bool,
) -> None:
    """Compile MODEL and write the artifact."""
    check_writable(output)
    source, examples = load_model(model, shapes)
    network = compile(source, target, example_inputs=examples, records=records, verify=verify)
    network.save(output)
    print_report(network.report(), as_json)
    if not as_json:
        checked = "verified" if verify else "NOT verified"
        size = output.stat().st_size
        click.echo(
            f"{checked}; wrote {output}: {size:,} bytes, "
            f"of which {network.artifact.weight_bytes:,} are weights"
        )
