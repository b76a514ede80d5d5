"""Measure the layers of ResNet-18: all our strategies, and the convolutions of other engines."""

from collections.abc import Iterator, Mapping, Sequence

from rich.progress import Progress
from tvm.target import Target

from ..errors import VerificationError
from ..threads import use_threads
from .kernels import KINDS, Kernel, Kind, kernels
from .layers_of_resnet18 import Layer
from .peers import Peer
from .peers.convolutions import check
from .rows import OURS, Row
from .timing import Timed, interleaved

LayerKey = tuple[str, str, str, str, bool]
"""Kind, target, engine, kernel, chosen: the fields of a row that tell contenders apart."""

REST = 5e-3
"""Seconds between contenders of several threads: idle threads spin for about so long."""


def measure_layers(
    layers: Sequence[Layer],
    targets: Mapping[str, Target],
    peers: Sequence[Peer],
    threads: Sequence[int],
    rounds: int,
    progress: Progress,
    kinds: Sequence[Kind] = KINDS,
) -> Iterator[list[Row]]:
    """Time every contender, at each number of threads; yields the rows of one layer after another.

    Raises VerificationError when a contender computes something else than the layer.
    """
    for layer in progress.track(layers, description="layers"):
        rows = []
        ours = our_contenders(layer, targets, kinds, progress)
        for count in threads:
            contenders = ours | contenders_of(peers, layer, count)
            rows += time_layer(layer, contenders, count, rounds, progress)
        yield rows


def time_layer(
    layer: Layer,
    contenders: Mapping[LayerKey, Timed],
    threads: int,
    rounds: int,
    progress: Progress,
) -> list[Row]:
    """Time the contenders of a layer in turns, on so many threads."""
    use_threads(threads)
    rest = REST if threads > 1 else 0.0
    timings = interleaved(contenders, rounds, progress, rest)
    return [
        Row(layer.name, *key, threads=threads, microseconds=timing)
        for key, timing in timings.items()
    ]


def our_contenders(
    layer: Layer, targets: Mapping[str, Target], kinds: Sequence[Kind], progress: Progress
) -> dict[LayerKey, Timed]:
    """Compile our kernels for a layer; raises VerificationError when one of them is wrong."""
    task = progress.add_task(f"compiling {layer.name}", total=len(targets) * len(kinds))
    contenders: dict[LayerKey, Timed] = {}
    for name, target in targets.items():
        for kind in kinds:
            for kernel in kernels(layer, kind, target):
                contenders[_key(kind, name, kernel)] = kernel.contender
            progress.advance(task)
    progress.remove_task(task)
    return contenders


def _key(kind: Kind, target: str, kernel: Kernel) -> LayerKey:
    return kind.name, target, OURS, kernel.name, kernel.chosen


def contenders_of(peers: Sequence[Peer], layer: Layer, threads: int) -> dict[LayerKey, Timed]:
    """Return the convolutions of other engines; raises VerificationError when one is wrong."""
    contenders: dict[LayerKey, Timed] = {}
    for peer in peers:
        for kind, contender in peer.layer_contenders(layer, threads).items():
            if not check(layer, kind, contender.result()):
                raise VerificationError(
                    f"{peer.NAME} gives a wrong result for {layer.name} in {kind}: the benchmark "
                    "does not fit this version of it."
                )
            contenders[kind, "", peer.NAME, contender.kernel, False] = contender
    return contenders
