"""`tvm-snn tune`: measure how each layer is computed fastest."""

import sys
from pathlib import Path

import click
from rich.console import Console

from ..tuning import tune
from .models import load_model, model_arguments
from .output import check_writable, json_option, print_json

_INTERRUPTED = 130


@click.command("tune", short_help="Measure how each layer is computed fastest.")
@model_arguments
@click.option(
    "--records",
    type=click.Path(path_type=Path),
    required=True,
    help="File of tuning records to write, or to add to. A folder beside it keeps everything "
    "measured, so that a run that was stopped goes on.",
)
@click.option(
    "--target",
    default="host",
    show_default=True,
    help='The machine to tune for: "host", "llvm -mcpu=haswell", a tag of TVM, JSON, or one with '
    'an accelerator, such as "pynq-z2" or "host -accelerator=pynq-z2".',
)
@click.option(
    "--trials",
    default=64,
    show_default=True,
    type=click.IntRange(min=1),
    help="Kernels to measure, or tilings to count, for each distinct layer.",
)
@click.option(
    "--runner",
    default="local",
    show_default=True,
    help='Where to measure: "local", or "rpc://host:port/key" for the servers with that key behind '
    'an RPC tracker. Of an accelerator: "local" counts cycles on its RTL, "model" in its cycle '
    "model.",
)
@click.option(
    "--threads",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Threads that the kernels run on.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the search.")
@json_option
def tune_command(
    model: str,
    shapes: tuple[str, ...],
    records: Path,
    target: str,
    trials: int,
    runner: str,
    threads: int,
    seed: int,
    as_json: bool,
) -> None:
    """Measure how each binary or sub-bit layer of MODEL is computed fastest.

    What beats the cost model's choice is written to the records, which `tvm-snn compile --records`
    uses. Of a target with an accelerator it is tuned how the accelerator's layers are cut: what
    takes fewer cycles than the estimated best is written. Ends with 1 when a layer could not be
    measured, with 130 when it was stopped by Ctrl-C; the same command then goes on.
    """
    check_writable(records)
    source, examples = load_model(model, shapes)
    try:
        result = tune(
            source,
            target,
            example_inputs=examples,
            records=records,
            trials=trials,
            runner=runner,
            threads=threads,
            seed=seed,
        )
    except KeyboardInterrupt as stopped:
        click.echo(f"tvm-snn: {stopped}", err=True)
        sys.exit(_INTERRUPTED)
    if as_json:
        print_json(result.data())
    else:
        result.print(Console(highlight=False))
    for fault in result.faults:
        click.echo(f"tvm-snn: {fault}", err=True)
    if result.faults:
        sys.exit(1)
