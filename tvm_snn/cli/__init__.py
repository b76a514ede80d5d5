"""The command line: `tvm-snn inspect | compile | run | verify | profile | tune | serve | ...`.

Exit status: 0 when all went well, 1 when tvm_snn found something wrong (the message on the error
stream says what), 2 when the command was not understood.
"""

import sys
from typing import Any

import click

from ..errors import SnnError
from ..version import __version__
from .bench_command import bench_command
from .compile_command import compile_command
from .inspect_command import inspect_command
from .profile_command import profile_command
from .run_command import run_command
from .serve_command import serve_command
from .train_command import train_command
from .tune_command import tune_command
from .verify_command import verify_command


class _SnnGroup(click.Group):
    """Ends a command that failed for a known reason with a message instead of a traceback."""

    def invoke(self, context: click.Context) -> Any:
        """Run a command; SnnError becomes a message and exit status 1."""
        try:
            return super().invoke(context)
        except SnnError as error:
            click.echo(f"tvm-snn: {type(error).__name__}: {error}", err=True)
            sys.exit(1)


@click.group(cls=_SnnGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tvm-snn")
def main() -> None:
    """Compile binary and sub-bit neural networks.

    MODEL is an ONNX file, a .pt2 file of torch.export, or a Python factory such as
    tvm_snn.zoo:resnet18 or "package.module:factory(argument=1)". NETWORK is a compiled .snn file.

    \b
    tvm-snn inspect net.onnx                    what would be matched, and why
    tvm-snn compile net.onnx -o net.snn         compile for this machine, and verify
    tvm-snn run net.snn input.npy -o out.npy    run on an array
    tvm-snn profile net.snn                     measure each layer
    tvm-snn tune net.onnx --records mine.json   measure what is fastest for each layer
    tvm-snn serve                               run networks for others: --remote HOST:PORT
    tvm-snn train --model tvm_snn.zoo:resnet20 --data fashion-mnist -o run    train a network
    """


for command in (
    inspect_command,
    compile_command,
    run_command,
    verify_command,
    profile_command,
    tune_command,
    serve_command,
    bench_command,
    train_command,
):
    main.add_command(command)
