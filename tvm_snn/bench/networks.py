"""Measure whole networks: compiled by us, and in other engines as float32 and int8."""

import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress
from tvm.target import Target

from ..compiler import build, detect
from ..errors import VerificationError
from ..network import Network
from ..schedules.records import Records, shipped_records
from ..target import features_of, parse_target
from ..threads import use_threads
from .cases import Case, with_relu
from .layers import REST
from .peers import FLOAT32, Peer
from .peers.exported import ExportedNetwork
from .rows import OURS, Row
from .timing import Contender, Timed, Timing, interleaved

COMPILED, COMPILING = "compiled", "time to compile"
UNTUNED = "tau 5, without tuning records"
RELU = ", ReLU"
"""Follows "float32" and "int8" where the network has plain ReLU layers instead of what binary
networks have around their convolutions: what one would run who wants no binary network."""

_CORRELATION = {"W1A32": 0.99, "W1A1": 0.3}
"""Least correlation of our result with that of float32 engines. In W1A1 it is low even between
these: a sign decided otherwise, where a float is all but zero, spreads in an untrained network."""


def measure_networks(
    cases: Sequence[Case],
    name: str,
    peers: Sequence[Peer],
    threads: Sequence[int],
    rounds: int,
    progress: Progress,
) -> Iterator[list[Row]]:
    """Time every case in every engine, at each number of threads; yields the rows of each case.

    `name` names our target. Raises VerificationError when our result is not that of the other
    engines.
    """
    target = parse_target(name)
    for case in progress.track(cases, description="networks"):
        rows = []
        task = progress.add_task(f"compiling {case.name}", total=None)
        data = case.data()
        ours = {}
        for tau in case.taus:
            start = time.perf_counter()
            ours[_version(tau)] = _compiled(case, tau, target)
            spent = Timing.of([(time.perf_counter() - start) * 1e6])
            kind = f"{COMPILING}, {_version(tau)}"
            rows.append(Row(case.name, kind, name, OURS, "", False, 1, spent))
        ours |= _untuned(case, target)
        others = _exported(case)
        progress.remove_task(task)
        for count in threads:
            contenders: dict[tuple[str, str], Timed] = {
                (kind, peer.NAME): contender
                for suffix, network in others.items()
                for peer in peers
                for kind, contender in _of_peer(peer, network, count, suffix)
            }
            _check(case, ours[_version(case.taus[0])](data), contenders)
            for version, network in ours.items():
                network.num_threads = count
                contenders[f"{COMPILED}, {version}", OURS] = _contender(network, data)
            use_threads(count)
            rest = REST if count > 1 else 0.0
            for (kind, engine), timing in interleaved(contenders, rounds, progress, rest).items():
                ours_target = name if engine == OURS else ""
                rows.append(Row(case.name, kind, ours_target, engine, "", False, count, timing))
        yield rows


def _version(tau: int | None) -> str:
    return "1 bit" if tau is None else f"tau {tau}"


def _compiled(case: Case, tau: int | None, target: Target) -> Network:
    """Compile a network as :func:`tvm_snn.compile` does, but for the verification."""
    detected = detect(case.model(tau), (torch.from_numpy(case.data()),))
    return Network(build(detected, target, Records(shipped_records())))


def _untuned(case: Case, target: Target) -> dict[str, Network]:
    """Return the network without records, where there are any for the target, by its version."""
    features = features_of(target)
    if not case.untuned or all(record.features != features for record in shipped_records()):
        return {}
    detected = detect(case.model(), (torch.from_numpy(case.data()),))
    return {UNTUNED: Network(build(detected, target))}


def _contender(network: Network, data: NDArray) -> Contender:
    return Contender(lambda: network(data), lambda: np.asarray(network(data)))


def _exported(case: Case) -> dict[str, ExportedNetwork]:
    """Return what other engines run, by its suffix: the network itself, and one with ReLU.

    That only of the first batch size: to export it takes longer than all measuring.
    """
    networks = {"": ExportedNetwork(case.model(), case.data())}
    if case.activations == "W1A1" and case.batch == 1:
        networks[RELU] = ExportedNetwork(with_relu(case.model()), case.data())
    return networks


def _of_peer(
    peer: Peer, network: ExportedNetwork, threads: int, suffix: str
) -> Iterator[tuple[str, Timed]]:
    for kind, contender in peer.network_contenders(network, threads).items():
        yield kind + suffix, contender


def _check(case: Case, result: object, contenders: Mapping[tuple[str, str], Timed]) -> None:
    for (kind, engine), contender in contenders.items():
        if kind != FLOAT32:
            continue
        correlation = np.corrcoef(np.ravel(np.asarray(result)), np.ravel(contender.result()))[0, 1]
        if not correlation > _CORRELATION[case.activations]:
            raise VerificationError(
                f"{case.name}: our result and that of {engine} have a correlation of "
                f"{correlation:.3f}."
            )
