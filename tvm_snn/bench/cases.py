"""The networks that are measured: those of the zoo, W1A1 and W1A32, at batch 1 and 8."""

import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ..errors import SnnError
from ..nn import BinaryActivation, LearnableBias
from ..nn.activations import Activations
from ..zoo import ZOO, example_inputs

_CLOSELY = "resnet18"
"""The network of which more than one version is compiled."""


@dataclass(frozen=True)
class Case:
    """A network of the zoo, as it is measured."""

    network: str
    activations: Activations
    batch: int
    taus: tuple[int | None, ...] = (5,)
    """Bits of a kernel index of each version that is compiled; None is 1 bit a weight."""
    untuned: bool = False
    """Whether to compile a version without tuning records, too."""

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
    if quick:
        return [Case(name, "W1A1", 1) for name in names]
    first = [
        Case(name, "W1A1", 1, (5, None), untuned=True)
        if name == _CLOSELY
        else Case(name, "W1A1", 1)
        for name in names
    ]
    return [
        *first,
        *(Case(name, "W1A32", 1) for name in names),
        *(Case(name, activations, 8) for activations in ("W1A1", "W1A32") for name in names),
    ]


def with_relu(model: nn.Module) -> nn.Module:
    """Return the network with the same convolutions and ReLU as its only activation."""
    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, LearnableBias | BinaryActivation):
                setattr(parent, name, nn.Identity())
            elif isinstance(child, nn.PReLU | nn.Hardtanh):
                setattr(parent, name, nn.ReLU())
    return model
