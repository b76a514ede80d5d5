"""`tvm-snn bench`: our kernels and networks next to those of other engines."""

from pathlib import Path

import click
from rich.console import Console

from ..bench.options import output_option
from ..errors import SnnError
from ..target.vta.configuration import is_accelerator, load_configuration
from ..threads import check_threads


@click.command("bench", short_help="Measure layers and networks next to other engines.")
@click.option(
    "--layers",
    default="all",
    show_default=True,
    help='Layers of ResNet-18, as in "64@56,128-256@28/2"; "all" or "none".',
)
@click.option(
    "--networks",
    default="all",
    show_default=True,
    help='Networks of the zoo, as in "resnet18,vgg_small"; "all" or "none".',
)
@click.option("--quick", is_flag=True, help="A first impression: ResNet-18, W1A1, one thread.")
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    help="How often each contender takes its turn.  [default: 20; 5 when quick]",
)
@click.option(
    "--target",
    default="host",
    show_default=True,
    help="The machine to compile for; on a host with AVX-512 layers are compiled for AVX2 too. "
    "An accelerator, as in paper-64pe or pynq-z2: cycles of its RTL.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    multiple=True,
    help="How many threads; may be given several times.  [default: 1, and every usable core]",
)
@click.option(
    "--metaschedule-trials",
    "trials",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Tune TVM's own float32 convolution first, unless its record is in the output folder.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Keep what the output folder has of this machine and these versions; measure the rest.",
)
@click.option(
    "--cycles",
    type=click.Choice(["rtl", "model"]),
    default="rtl",
    show_default=True,
    help="Of an accelerator: counted by its RTL, or predicted.",
)
@click.option(
    "--parts",
    default="cycles",
    show_default=True,
    help='Of an accelerator\'s report, as in "cycles,resources,clock,equal-luts": cycles of '
    "networks, what it takes of an xc7z020, its clock on an ECP5, and its speed next to binary "
    "hardware (int8-bnn) of as many LUTs.",
)
@output_option("the results, as JSON and Markdown")
def bench_command(
    layers: str,
    networks: str,
    quick: bool,
    rounds: int | None,
    target: str,
    threads: tuple[int, ...],
    trials: int,
    resume: bool,
    cycles: str,
    parts: str,
    output: Path,
) -> None:
    """Measure layers and whole networks next to onnxruntime, OpenVINO, PyTorch and TVM.

    All take turns. Engines that are not installed are left out; all of them come with
    `pip install tvm_snn[bench]`. On a processor with AMX, which OpenVINO's int8 uses, it is
    measured without AMX, too, in a process of its own. Results are written after each layer and
    each network; --resume goes on from there.

    With an accelerator as target: cycles of the 3x3 layers of ResNet-18 and ResNet-34, layer by
    layer, sub-bit next to binary convolutions on the same hardware, what its engines did in them,
    and pictures of that. The RTL needs `pip install tvm_snn[fpga]` and a C++ compiler.
    """
    console = Console(markup=False, highlight=False)
    # Tables that go to a file need not fit a terminal.
    console.width = console.width if console.is_terminal else 160
    if is_accelerator(target):
        _bench_accelerator(target, networks, quick, cycles == "model", parts, output, console)
        return
    try:
        from ..bench.cases import cases
        from ..bench.layers_of_resnet18 import layers_named
        from ..bench.session import Session
    except ModuleNotFoundError as error:
        raise SnnError(
            f"The benchmark needs the package {error.name}: pip install 'tvm_snn[bench]'."
        ) from error
    if quick and networks == "all":
        networks = "resnet18"
    counts = threads or ((1,) if quick else (1, check_threads(None)))
    session = Session(
        layers=layers_named(layers),
        networks=cases(networks, quick),
        target=target,
        threads=tuple(dict.fromkeys(map(check_threads, counts))),
        rounds=rounds or (5 if quick else 20),
        quick=quick,
        trials=trials,
        output=output,
        resume=resume,
    )
    session.run(console)


def _bench_accelerator(
    target: str,
    networks: str,
    quick: bool,
    model: bool,
    parts: str,
    output: Path,
    console: Console,
) -> None:
    try:
        from ..bench.fpga.session import Session, parts_named
        from ..bench.fpga.stacks import DEPTHS, networks_named
    except ModuleNotFoundError as error:
        raise SnnError(
            f"The accelerator's report needs the package {error.name}: pip install 'tvm_snn[fpga]'."
        ) from error
    Session(
        hardware=load_configuration(target),
        networks=list(DEPTHS)[:1] if quick and networks == "all" else networks_named(networks),
        trunks=(False,) if quick else (False, True),
        model=model,
        parts=parts_named(parts),
        output=output,
    ).run(console)
