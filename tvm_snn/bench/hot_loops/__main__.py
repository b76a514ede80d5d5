"""The command `python -m tvm_snn.bench.hot_loops`."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from ...target import features_of
from ...threads import use_threads
from ..kernels import FLOAT_DATA, PAIRS_32, PAIRS_64, SINGLE
from ..layers_of_resnet18 import layers_named
from ..machine import machine
from ..options import output_option
from ..results import write_results
from ..targets import HOST, bench_targets
from .layer import take_apart
from .mixture import mixtures
from .tables import code_tables, layer_tables, mixtures_table

_KINDS = (SINGLE, PAIRS_64, PAIRS_32, FLOAT_DATA)
_CODE = ("64@56", "256@14")
"""Layers whose loops are written out; the others' are like one of theirs."""


@click.command("hot-loops")
@click.option(
    "--layers", default="all", show_default=True, help='As in "64@56,256@14,512@7", or "all".'
)
@output_option("x86_hot_loops.json and x86_hot_loops.md")
def main(layers: str, output: Path) -> None:
    """Take layers apart: what each part of our kernels takes, and which ports it keeps busy.

    Those of binary and of float activations for AVX-512, and those of single units for AVX2.
    Needs a C compiler, and llvm-mca and llvm-objdump from Debian's package llvm, 17 or newer.
    """
    console = Console(markup=False, highlight=False)
    console.width = console.width if console.is_terminal else 160
    use_threads(1)
    cases = [
        (layer, kind, name, target)
        for name, target in bench_targets(HOST).items()
        for kind in (_KINDS if features_of(target).vector_bits == 512 else _KINDS[:1])
        for layer in layers_named(layers)
    ]
    taken = [take_apart(*case) for case in track(cases, "taking apart", console=console)]
    tables = layer_tables(taken)
    if any(features_of(target).byte_permute for target in bench_targets(HOST).values()):
        tables.append(mixtures_table(mixtures()))
    for table in tables:
        console.print(table.rich())
    code = code_tables([each for each in taken if each.layer in _CODE])
    for path in write_results(output, "x86_hot_loops", machine(), taken, [*tables, *code]):
        console.print(f"wrote {path}")


if __name__ == "__main__":
    main()
