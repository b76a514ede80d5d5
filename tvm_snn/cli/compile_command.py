"""`tvm-snn compile`: a model to an artifact."""

from pathlib import Path

import click

from ..c_runtime import PREFIX, check_names
from ..compiled_network import CompiledNetwork
from ..compiler import TRUNKS, compile
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
@click.option(
    "--trunk",
    type=click.Choice(TRUNKS),
    default=TRUNKS[0],
    show_default=True,
    help="How residual trunks are computed beside an accelerator: by it, in 16-bit fixed point, a "
    "quantisation; or by the processor in float32.",
)
@click.option(
    "--runtime",
    type=click.Choice(["tvm", "c"]),
    default="tvm",
    show_default=True,
    help="What the result runs with: tvm_snn (an artifact), or nothing at all (a C library: "
    "net.so, and beside it net.a and net.h).",
)
@click.option(
    "--prefix", help=f"What the names of the C functions start with.  [default: {PREFIX}]"
)
@json_option
def compile_command(
    model: str,
    shapes: tuple[str, ...],
    output: Path,
    target: str,
    records: Path | None,
    verify: bool | None,
    trunk: str,
    runtime: str,
    prefix: str | None,
    as_json: bool,
) -> None:
    """Compile MODEL and write the artifact, or a C library."""
    if prefix is not None and runtime != "c":
        raise click.UsageError("--prefix is for --runtime c.")
    prefix = prefix or PREFIX
    files = check_names(output, prefix).files if runtime == "c" else (output,)
    for file in files:
        check_writable(file)
    source, examples = load_model(model, shapes)
    network = compile(
        source, target, example_inputs=examples, records=records, verify=verify, trunk=trunk
    )
    if runtime == "c":
        network.export_c(output, prefix=prefix)
    else:
        network.save(output)
    print_report(network.report(), as_json)
    if not as_json:
        written = " and ".join(_size(file) for file in files)
        click.echo(
            f"{_checked(network, verify)}; wrote {written}; "
            f"{network.artifact.weight_bytes:,} bytes are weights"
        )


def _size(file: Path) -> str:
    return f"{file} ({file.stat().st_size:,} bytes)"


def _checked(network: CompiledNetwork, verify: bool | None) -> str:
    if isinstance(network, Network):
        return "NOT verified" if verify is False else "verified"
    return f"NOT verified: it is for another machine ({network.artifact.requirements})"
