"""What is compared on Fashion-MNIST: methods, networks and seeds, in the order they are run."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from networks import small_resnet, small_vgg
from torch import nn

from tvm_snn.nn.subsets import (
    CodewordSubset,
    NegationClosedSubset,
    PolicyFactory,
    RefinedSubset,
    UnitShape,
)
from tvm_snn.training import start_fresh
from tvm_snn.zoo import group_net, resnet20, vgg_small

Activations = Literal["W1A1", "W1A32", "W1A2", "W1A4"]
"""Of 2 and 4 bits in the networks `small` and `small-vgg` only."""

SHAPE = (1, 28, 28)
TAUS = (5, 6, 4, 3)
PAIRED = (64, 32, 16)
REACH = 0.1
"""How far latent entries of 8 kernels start from zero, and how far beyond it the memory follows,
in these short runs; chosen by `refinement.py`. The defaults, those of the authors' code, are made
for more than a hundred times as many steps, and here leave subsets as drawn."""
NEAREST = 32
"""So many kernels start nearest to zero, and more no nearer: 64 random ones lose little, and
learned ones need hardly move (`refinement.py --tau 6`)."""
LAST_STEP = 600
"""Until when learned subsets move, of the 1,874 steps of a run: the weights have to settle."""
CAREFUL: dict[str, dict[str, Any]] = {
    "small-vgg": {"reach": 0.06, "last_step": 1200, "centred": True, "agreed": True}
}
"""Networks whose subsets learn otherwise. Without shortcuts, gradients of kernels are large, noisy
and mostly common to all of a layer (`gradients.py`). Runs of `small-vgg` have 3,748 steps."""
LATENT = {"small": 0.1, "small-vgg": 0.03}
"""Size of latent weights at first, as a part of the usual one. In a short run, more signs change
with small ones, and the network learns more (`refinement.py --latent`)."""
TEMPERATURE = 0.03
"""Of the relaxed selection of codewords, from which start and noise of its scores follow. Scores
move by 1 / temperature times a kernel's gradient, and what they have to move by is in proportion to
the temperature: in 150 steps at tau 5 no entry of a subset changed at 0.2, 2 % did at 0.03 and 21 %
at 0.02 (`refinement.py --codewords`)."""


def learning(
    kernels: int, reach: float = REACH, last_step: int = LAST_STEP, **options: Any
) -> dict[str, Any]:
    """How a subset of so many learned kernels refines here.

    A kernel's gradient sums over the weights that use it, and the more kernels there are, the fewer
    use each.
    """
    start = reach * 8 / min(kernels, NEAREST)
    return {"period": 1, "start": start, "threshold": start, "last_step": last_step, **options}


def refined(
    size: int, unit_shape: UnitShape, generator: torch.Generator | None, **options: Any
) -> RefinedSubset:
    """A refined subset that learns as fast as a short run takes; `options` as in `CAREFUL`."""
    return RefinedSubset(size, unit_shape, generator, **learning(size, **options))


def negation_closed(
    size: int, unit_shape: UnitShape, generator: torch.Generator | None, **options: Any
) -> NegationClosedSubset:
    """The same of a subset closed under negation, which learns half of its kernels."""
    return NegationClosedSubset(size, unit_shape, generator, **learning(size // 2, **options))


def codewords(
    size: int,
    unit_shape: UnitShape,
    generator: torch.Generator | None,
    temperature: float = TEMPERATURE,
    last_step: int = LAST_STEP,
) -> CodewordSubset:
    """Selected codewords whose scores go as far as a short run takes them."""
    return CodewordSubset(
        size,
        unit_shape,
        generator,
        temperature=temperature,
        start=2.5 * temperature,
        noise=0.1 * temperature,
        last_step=last_step,
    )


POLICIES: dict[str, str | PolicyFactory] = {
    "vanilla": "vanilla",
    "refined": refined,
    "uniform": "uniform",
    "frequent": "frequent",
    "frequent-10": "frequent-10",
    "negation-closed": negation_closed,
    "codewords": codewords,
}

NETWORKS: dict[str, dict[str, Any]] = {
    "small": {"factory": small_resnet, "width": 16, "latent": LATENT["small"]},
    "small-vgg": {"factory": small_vgg, "width": 16, "latent": LATENT["small-vgg"]},
    "resnet": {"factory": resnet20, "width": 16, "depth": 2},
    "resnet20": {"factory": resnet20, "width": 16, "depth": 6},
    "vgg": {"factory": vgg_small, "width": 32},
    "vgg-small": {"factory": vgg_small, "width": 128},
    "group-net": {"factory": group_net, "bases": 3, "width": 16, "depth": 1},
}
"""`resnet` and `vgg` are smaller than the `resnet20` and `vgg-small` of papers: for one core.
`small` (like ResNet-20) and `small-vgg` (like VGG-small) are for a core that others use, too; in
these two alone all methods start from the same weights and, but for "uniform", the same subsets."""


def fresh_network(name: str, **options: Any) -> nn.Module:
    """One of `NETWORKS` for Fashion-MNIST before training, with these options of its factory."""
    sizes = dict(NETWORKS[name])
    factory = sizes.pop("factory")
    model = factory(**{"input_shape": SHAPE, **sizes, **options})
    start_fresh(model)
    return model


@dataclass(frozen=True)
class Method:
    """How the weights of the binarised layers are made."""

    name: str
    """As in tables: "float", "bnn", "refined", "paired"."""
    options: tuple[tuple[str, Any], ...] = ()
    """Of the network's factory."""
    recipe: str = "paper"
    size: str = ""
    """"tau 5" or "K 64"; "" where there is no choice."""

    @property
    def key(self) -> str:
        """The method as part of a file name."""
        return "-".join(part.replace(" ", "") for part in (self.name, self.size) if part)


@dataclass(frozen=True)
class Case:
    """One training run."""

    network: str
    activations: Activations
    method: Method
    seed: int

    @property
    def key(self) -> str:
        """The name of the run's files."""
        return f"{self.network}-{self.activations}-{self.method.key}-seed{self.seed}"

    @property
    def sizes(self) -> dict[str, Any]:
        """What the network's factory is told beside the method's options.

        Float weights have no signs that should change: they start as large as usual.
        """
        plain = ("factory", "latent") if self.method.recipe == "float" else ("factory",)
        return {name: v for name, v in NETWORKS[self.network].items() if name not in plain}

    def build(self) -> nn.Module:
        """The network before training."""
        options = dict(self.method.options)
        if self.network in CAREFUL and options.get("subset") in (refined, negation_closed):
            options["subset"] = partial(options["subset"], **CAREFUL[self.network])
        if self.method.recipe == "float" and "latent" in NETWORKS[self.network]:
            options["latent"] = 1.0
        return fresh_network(self.network, activations=self.activations, seed=self.seed, **options)


def methods(taus: tuple[int, ...] = TAUS) -> list[Method]:
    """Every method: float, 1 bit, the policies at each tau, paired units at each K."""
    found = [Method("float", (("tau", None),), "float"), Method("bnn", (("tau", None),))]
    found += [
        Method(name, (("tau", tau), ("subset", policy)), size=f"tau {tau}")
        for tau in taus
        for name, policy in POLICIES.items()
    ]
    paired = (("subset", POLICIES["refined"]), ("unit", 2))
    found += [
        Method("paired", (*paired, ("subset_size", size)), size=f"K {size}") for size in PAIRED
    ]
    return found


def cases(
    networks: tuple[str, ...],
    activations: tuple[Activations, ...],
    taus: tuple[int, ...],
    seeds: int,
    only: tuple[str, ...] = (),
) -> Iterator[Case]:
    """All runs; every method once before any is run with a second seed.

    Networks and activations come one after the other, so that a part is a table of its own.
    """
    for network in networks:
        for bits in activations:
            for seed in range(seeds):
                for method in methods(taus):
                    if not only or method.name in only:
                        yield Case(network, bits, method, seed)
