"""Measure whole networks: compiled by us, and in other engines as float32 and int8."""

import copy
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress
from torch import nn

from ..compiler import compile
from ..errors import SnnError, VerificationError
from ..network import Network
from ..nn import BinaryActivation, LearnableBias
from ..threads import use_threads
from ..zoo import ZOO, example_inputs
from ..zoo.layers import Activations
from .layers import REST
from .peers import FLOAT32, Peer
from .peers.exported import ExportedNetwork
from .rows import OURS, Row
from .timing import Contender, Timing, interleaved

COMPILED, COMPILING = "compiled", "time to compile"
RELU = ", ReLU"
"""Follows "float32" and "int8" where the network has plain ReLU layers instead of what binary
networks have around their convolutions: what one would run who wants no binary network."""

_CORRELATION = 0.9
"""Of our result with float32 engines: a sign that rounding flips moves it, an error breaks it."""


@dataclass(frozen=True)
class Case:
    """A network of the zoo, as it is measured."""

    network: str
    activations: Activations
    batch: int
    taus: tuple[int | None, ...] = (5,)
    """Bits of a kernel index of each version that is compiled; None is 1 bit a weight."""

    @property
    def name(self) -> str:
        """The case as tables write it."""
        return f"{self.network} {self.activations}, batch {self.batch}"

    def model(self, tau: int | None = 5) -> nn.Module:
        """Return the network with random weights."""
        return ZOO[self.network].factory(tau=tau, activations=self.activations)

    def data(self) -> NDArray[np.float32]:
        """Return random input."""
        data: NDArray[np.float32] = example_inputs(self.network, self.batch)[0].numpy()
        return data


def cases(networks: str, quick: bool) -> list[Case]:
    """Return the cases of networks named as in "resnet18,vgg_small"; "all" and "none" are known.

    `quick` is W1A1 at batch 1 only. Raises SnnError for an unknown name.
    """
    if networks == "none":
        return []
    names = list(ZOO) if networks == "all" else networks.split(",")
    unknown = [name for name in names if name not in ZOO]
    if unknown:
        raise SnnError(f"There is no network {unknown[0]!r}; there are {', '.join(ZOO)}.")
    first = [Case(name, "W1A1", 1, (5,) if quick else (5, None)) for name in names]
    if quick:
        return first
    return [
        *first,
        *(Case(name, "W1A32", 1) for name in names),
        *(Case(name, activations, 8) for activations in ("W1A1", "W1A32") for name in names),
    ]


def measure_networks(
    cases: Sequence[Case],
    target: str,
    peers: Sequence[Peer],
    threads: Sequence[int],
    rounds: int,
    progress: Progress,
) -> list[Row]:
    """Time every case in every engine, at each number of threads.

    Raises VerificationError when our result is not that of the other engines.
    """
    rows = []
    for case in progress.track(cases, description="networks"):
        task = progress.add_task(f"compiling {case.name}", total=None)
        data = case.data()
        ours = {}
        for tau in case.taus:
            start = time.perf_counter()
            ours[tau] = _compiled(case, tau, target)
            spent = Timing.of([(time.perf_counter() - start) * 1e6])
            rows.append(Row(case.name, _kind(COMPILING, tau), target, OURS, "", False, 1, spent))
        others = _exported(case)
        progress.remove_task(task)
        for count in threads:
            contenders = {
                (kind, peer.NAME): contender
                for suffix, network in others.items()
                for peer in peers
                for kind, contender in _of_peer(peer, network, count, suffix)
            }
            _check(case, ours[case.taus[0]](data), contenders)
            for tau, network in ours.items():
                network.num_threads = count
                contenders[_kind(COMPILED, tau), OURS] = _contender(network, data)
            use_threads(count)
            rest = REST if count > 1 else 0.0
            for (kind, engine), timing in interleaved(contenders, rounds, progress, rest).items():
                ours_target = target if engine == OURS else ""
                rows.append(Row(case.name, kind, ours_target, engine, "", False, count, timing))
    return rows


def _kind(what: str, tau: int | None) -> str:
    return f"{what}, " + ("1 bit" if tau is None else f"tau {tau}")


def _compiled(case: Case, tau: int | None, target: str) -> Network:
    inputs = (torch.from_numpy(case.data()),)
    return compile(case.model(tau), target, example_inputs=inputs, verify=False)


def _contender(network: Network, data: NDArray) -> Contender:
    return Contender(lambda: network(data), lambda: np.asarray(network(data)))


def _exported(case: Case) -> dict[str, ExportedNetwork]:
    """Return what other engines run: the network itself, and one with ReLU, by its suffix."""
    networks = {"": ExportedNetwork(case.model(), case.data())}
    if case.activations == "W1A1":
        networks[RELU] = ExportedNetwork(_with_relu(case.model()), case.data())
    return networks


def _of_peer(
    peer: Peer, network: ExportedNetwork, threads: int, suffix: str
) -> Iterator[tuple[str, Contender]]:
    for kind, contender in peer.network_contenders(network, threads).items():
        yield kind + suffix, contender


def _check(case: Case, result: object, contenders: dict[tuple[str, str], Contender]) -> None:
    for (kind, engine), contender in contenders.items():
        if kind != FLOAT32:
            continue
        correlation = np.corrcoef(np.ravel(np.asarray(result)), np.ravel(contender.result()))[0, 1]
        if not correlation > _CORRELATION:
            raise VerificationError(
                f"{case.name}: our result and that of {engine} have a correlation of "
                f"{correlation:.3f}; they should be equal but for rounding."
            )


def _with_relu(model: nn.Module) -> nn.Module:
    """Return the network with the same convolutions and ReLU as its only activation."""
    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, LearnableBias | BinaryActivation):
                setattr(parent, name, nn.Identity())
            elif isinstance(child, nn.PReLU | nn.Hardtanh):
                setattr(parent, name, nn.ReLU())
    return model
