"""`tvm-snn run`: an artifact on inputs from files."""

from pathlib import Path

import click
import numpy as np

from .models import load_arrays
from .output import check_writable, json_option, print_json, write_array
from .remote import opened, remote_option
from .simulator import simulator_option
from .threads import threads_option


@click.command("run", short_help="Run an artifact on .npy files.")
@click.argument("network")
@click.argument("inputs", nargs=-1, metavar="INPUT.npy...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Write an output as .npy, once for each output.",
)
@threads_option
@simulator_option
@remote_option
@json_option
def run_command(
    network: str,
    inputs: tuple[str, ...],
    output: tuple[Path, ...],
    threads: int | None,
    simulator: str | None,
    remote: str | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Run the compiled NETWORK on arrays from .npy files, one for each input.

    Prints the outputs, shortened when they are long; -o writes them whole.
    """
    with opened(network, threads, remote, timeout, simulator) as loaded:
        if len(output) not in (0, len(loaded.outputs)):
            raise click.UsageError(
                f"The network has {len(loaded.outputs)} outputs, {len(output)} files were named: "
                "give -o once for each, or not at all."
            )
        for path in output:
            check_writable(path)
        result = loaded(*load_arrays(inputs))
    results = result if isinstance(result, tuple) else (result,)
    for path, array in zip(output, results, strict=False):
        write_array(path, array)
    if as_json:
        named = zip(loaded.outputs, results, strict=True)
        print_json({spec.name: array.tolist() for spec, array in named})
        return
    for spec, array in zip(loaded.outputs, results, strict=True):
        click.echo(spec)
        with np.printoptions(precision=5, threshold=40, linewidth=100):
            click.echo(array)
