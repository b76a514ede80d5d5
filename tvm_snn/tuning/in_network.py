"""Records proven in a whole network.

There a kernel finds its data where the layer before left them, and its weights where all other
layers have been since: what is faster alone may be slower. A network compiled with the records runs
in turns with two copies of the one compiled without; how far these two are from each other is
noise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tvm.target import Target

from ..compiler import Detected, build, rewrite
from ..measurement import kernel_seconds
from ..network import Network
from ..schedules.records import Record, Records
from ..seeded_inputs import seeded_inputs
from ..target import features_of
from .finals import Race
from .tasks import Task, tasks_of

ROUNDS = 41
_WARM_UP = 3


@dataclass(frozen=True)
class Proof:
    """What the records of one network are worth in it."""

    layers: Mapping[str, Race]
    """By the fingerprint of a record's operation: the time of all layers that it is for."""
    whole: Race
    """The time of all kernels."""

    @property
    def losers(self) -> frozenset[str]:
        """Fingerprints of the records to drop: their layers are no faster, or the whole is slower.

        Where it is the whole, all of them.
        """
        slow = frozenset(name for name, race in self.layers.items() if not race.won)
        if not slow and self.whole.gain < 1:
            return frozenset(self.layers)
        return slow


def prove(detected: Detected, target: Target, records: Sequence[Record], threads: int) -> Proof:
    """Measure the layers of a network with records and without, in turns.

    `records` are for layers of this very network and for the target.
    """
    layers = _layers(detected, target, records)
    without = build(detected, target)
    networks = [
        Network(artifact, threads)
        for artifact in (without, without, build(detected, target, Records(records)))
    ]
    inputs = seeded_inputs(networks[0].inputs)
    for network in networks:
        for _ in range(_WARM_UP):
            network(*inputs)
    times = [[_times(network, inputs, layers) for network in networks] for _ in range(ROUNDS)]
    # (rounds, networks, the layers of each record and at last everything)
    default, again, tuned = np.array(times).transpose(1, 2, 0)
    races = [
        Race(tuple(base / own), tuple(base / same))
        for base, same, own in zip(default, again, tuned, strict=True)
    ]
    return Proof(dict(zip(layers, races, strict=False)), races[-1])


def used(detected: Detected, target: Target, records: Sequence[Record]) -> list[Record]:
    """Return the records that a network's layers would be compiled by."""
    return [record for _, record in _recorded(detected, target, records)]


def _layers(
    detected: Detected, target: Target, records: Sequence[Record]
) -> dict[str, frozenset[str]]:
    """Return the names of the layers that each record is for, by its fingerprint."""
    return {
        task.operation.fingerprint: frozenset(task.layers)
        for task, _ in _recorded(detected, target, records)
    }


def _recorded(
    detected: Detected, target: Target, records: Sequence[Record]
) -> list[tuple[Task, Record]]:
    """Return the tasks of a network that there are records for, each with its own."""
    found, features = Records(records), features_of(target)
    tasks = tasks_of(rewrite(detected, features))
    there = ((task, found.find(task.operation, features)) for task in tasks)
    return [(task, record) for task, record in there if record is not None]


def _times(
    network: Network, inputs: Sequence[NDArray], layers: Mapping[str, frozenset[str]]
) -> list[float]:
    """Run once; return the seconds of the kernels of each group of layers, and of all kernels."""
    seconds = kernel_seconds(lambda observer: network.observe(inputs, observer))
    kernels = network.artifact.kernels
    groups = [
        sum(own for own, kernel in zip(seconds, kernels, strict=True) if names & {*kernel.computes})
        for names in layers.values()
    ]
    return [*groups, sum(seconds)]
