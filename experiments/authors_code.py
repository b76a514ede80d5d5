"""This project's layers and networks next to the public code of the sub-bit paper.

    git clone https://github.com/yikaiw/SNN
    python experiments/authors_code.py SNN

Their convolution and ours train on the same weights and patterns, in float64, until the first
learning step in which kernels repeat, which the two replace in different ways; their sign and ours
get the same values; their network, with random statistics, and what `tvm_snn.zoo` makes of its
state dict classify the same images. Prints the largest differences, and fails where they are more
than rounding. Their code is run, not copied: it is not part of this project.
"""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import click
import torch
from torch import Tensor, nn

from tvm_snn.nn import BinaryActivation, SubBitConv2d
from tvm_snn.zoo import convert_authors_state

ROUNDING = 1e-12
TAU = 4


def authors_module(checkout: Path) -> ModuleType:
    """Their networks: `step2/birealnet.py` of a checkout."""
    folder = checkout / "step2"
    if not (folder / "birealnet.py").exists():
        raise click.UsageError(f"{checkout} is no checkout of yikaiw/SNN: no step2/birealnet.py.")
    sys.path.insert(0, str(folder))
    return importlib.import_module("birealnet")


def convolutions(theirs: nn.Module, start: float, rate: float, steps: int) -> tuple[int, float]:
    """Train both by Adam; return the steps until kernels repeat and the largest difference.

    `start` is the size of latent entries at first, `rate` the learning rate.
    """
    patterns = start * torch.randn(2**TAU, 9)
    ours = SubBitConv2d(16, 32, padding=1, tau=TAU, subset="refined").to(patterns)
    theirs.weight.data = torch.randn(ours.weight.shape)
    theirs.binarize.patterns.data, theirs.binarize.memory = patterns, patterns.sign()
    ours.weight.data.copy_(theirs.weight.data)
    ours.policy.patterns.data.copy_(patterns.reshape(-1, 1, 3, 3))
    ours.policy.subset.copy_(ours.policy.patterns.sign())
    optimizers = [torch.optim.Adam(m.parameters(), rate) for m in (theirs, ours)]
    for parameter in theirs.parameters():
        # Adam counts the steps of a parameter from its first gradient on; ours has zeros at once.
        parameter.grad = torch.zeros_like(parameter)
    x, target = torch.randn(8, 16, 9, 9).sign(), torch.randn(8, 32, 9, 9)
    worst = 0.0
    for step in range(steps):
        for module, optimizer in zip((theirs, ours), optimizers, strict=True):
            loss = (module(x) - target).square().mean()
            optimizer.zero_grad(set_to_none=False)
            loss.backward()
            optimizer.step()
        pairs = (
            (theirs.weight, ours.weight),
            (theirs.binarize.patterns, ours.policy.patterns.flatten(1)),
            (theirs.binarize.memory, ours.subset.flatten(1)),
        )
        worst = max(worst, *(_difference(a, b) for a, b in pairs))
        if len(ours.subset.flatten(1).unique(dim=0)) < 2**TAU:
            return step + 1, worst
    return steps, worst


def signs(theirs: nn.Module) -> float:
    """The largest difference of values and gradients."""
    x, weights = 3 * torch.randn(10000), torch.randn(10000)
    found = []
    for module in (theirs, BinaryActivation("polynomial")):
        leaf = x.clone().requires_grad_()
        y = module(leaf)
        (y * weights).sum().backward()
        assert leaf.grad is not None
        found.append(torch.stack([y.detach(), leaf.grad]))
    return _difference(*found)


def networks(theirs: nn.Module) -> float:
    """The largest difference of logits."""
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    theirs.eval()
    ours, _ = convert_authors_state({f"module.{k}": v for k, v in theirs.state_dict().items()})
    x = torch.randn(4, 3, 96, 96)
    with torch.no_grad():
        return _difference(theirs(x), ours(x))


def _difference(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max().detach())


@click.command()
@click.argument("checkout", type=click.Path(path_type=Path))
def main(checkout: Path) -> None:
    """Compare with the code in CHECKOUT, a clone of github.com/yikaiw/SNN."""
    module = authors_module(checkout)
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    differences = []
    for start, rate in ((0.02, 1e-2), (0.1, 3e-3), (1.0, 1e-3)):
        conv = module.HardBinaryConv(16, 32, TAU)
        steps, worst = convolutions(conv, start, rate, 60)
        differences.append(worst)
        click.echo(f"convolution, start {start}, Adam {rate}: {steps} steps, {worst:.1e}")
    differences.append(signs(module.BinaryActivation()))
    click.echo(f"sign and its gradient: {differences[-1]:.1e}")
    network = module.BiRealNet(module.BasicBlock, [2, 2, 2, 2], 5, num_classes=20)
    differences.append(networks(network))
    click.echo(f"network of a state dict: {differences[-1]:.1e}")
    if max(differences) > ROUNDING:
        raise click.ClickException("They differ by more than rounding.")


if __name__ == "__main__":
    main()
