"""How large is the gradient of a learned kernel, and how much of it do all kernels share?

    python experiments/gradients.py
    python experiments/gradients.py --network small-vgg --activations W1A32 --tau 5

Trains with random subsets and follows the gradient that a refined one would learn from. Prints, for
each binarised layer, its root mean square, which says how far from zero latent entries have to
start, and the share of the mean square that is common to all K kernels: 1 / K where they have
nothing in common.
"""

import sys
from functools import partial
from pathlib import Path
from typing import get_args

import click
import torch
from cases import Activations, fresh_network
from torch import Tensor, nn

from tvm_snn import SnnError
from tvm_snn.nn import SubBitLayer
from tvm_snn.nn.subsets import RefinedSubset
from tvm_snn.training import RECIPES, Data, load_data

BATCH = 64
STAYING = partial(RefinedSubset, period=1, start=1e6, limit=1e6)
"""Latent entries so far from zero that none flips."""


def followed(model: nn.Module, data: Data, steps: int, seed: int) -> dict[str, tuple[float, float]]:
    """Train `model` for some steps; for each layer, the size of gradients and the common share."""
    layers = {n: m for n, m in model.named_modules() if isinstance(m, SubBitLayer)}
    total = dict.fromkeys(layers, 0.0)
    common = dict.fromkeys(layers, 0.0)
    optimizer = RECIPES["paper"].stages[0].make_optimizer(model.train())
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        chosen = torch.randint(len(data.train), (BATCH,), generator=generator)
        images, labels = data.train.batch(chosen.tolist(), None)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        for name, layer in layers.items():
            gradient = _gradient(layer)
            total[name] += float(gradient.square().mean())
            common[name] += float(gradient.mean(dim=0).square().mean())
        optimizer.step()
    return {name: ((total[name] / steps) ** 0.5, common[name] / total[name]) for name in layers}


def _gradient(layer: SubBitLayer) -> Tensor:
    assert isinstance(layer.policy, RefinedSubset)
    assert layer.policy.patterns.grad is not None
    return layer.policy.patterns.grad


@click.command(context_settings={"show_default": True})
@click.option("--data-root", type=click.Path(path_type=Path), help="Where Debian's files are not.")
@click.option("--network", default="small", type=click.Choice(["small", "small-vgg"]))
@click.option("--activations", default="W1A1", type=click.Choice(get_args(Activations)))
@click.option("--tau", default=3)
@click.option("--steps", default=100)
@click.option("--seed", default=0)
def main(
    data_root: Path | None, network: str, activations: str, tau: int, steps: int, seed: int
) -> None:
    """Print what gradients of kernels are like at the start of training."""
    data = load_data("fashion-mnist", data_root, augment=False)
    model = fresh_network(network, tau=tau, subset=STAYING, activations=activations, seed=seed)
    for name, (size, common) in followed(model, data, steps, seed).items():
        click.echo(f"{name}: size {size:.4f}, common to all kernels {common:.0%}")


if __name__ == "__main__":
    try:
        main()
    except SnnError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
