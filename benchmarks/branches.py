"""Time Group-Net's branches of one image: as one wide convolution, and each alone.

    python benchmarks/branches.py

Compiles two layers of a group for this machine, in which every branch is a sign, a convolution,
BatchNorm, the shortcut and PReLU, once with the first convolutions of all branches merged into one
and once apart. Prints the time of the whole on one thread, merged over apart; both take turns, so
that a change of the machine's speed meets both. Merging is limited to narrow convolutions by what
this prints (`relay_passes/merge_branches.py`).
"""

import statistics
import time
from functools import partial
from unittest import mock

import click
import torch
from torch import nn

import tvm_snn
from tvm_snn.nn import Groups
from tvm_snn.relay_passes import merge_branches
from tvm_snn.zoo.layers import Kernels
from tvm_snn.zoo.resnet import ResidualUnit

SHAPES = ((16, 16), (16, 8), (32, 16), (64, 14), (64, 28))
"""Channels of a branch, and rows and columns of its maps."""


def _network(channels: int, tau: int | None, branches: int) -> nn.Module:
    """A float layer, two layers of every branch, their sum and its mean."""

    def branch() -> nn.Module:
        # Of equal intervals: the branches of a sub-bit layer have one subset.
        kernels = Kernels(tau, "uniform")
        unit = partial(ResidualUnit, channels, channels, 1, kernels, "W1A1")
        first, second = unit(), unit()
        first.bias_in = nn.Identity()
        return nn.Sequential(first, second)

    groups = Groups([branch], branches, soft=False)
    return nn.Sequential(nn.Conv2d(8, channels, 1), groups, nn.AdaptiveAvgPool2d(1)).eval()


@click.command(context_settings={"show_default": True})
@click.option("--branches", default=4, help="Branches of a group.")
@click.option("--rounds", default=300, help="Calls of each network.")
def main(branches: int, rounds: int) -> None:
    """Print merged over apart for binary and sub-bit branches of several widths."""
    for tau in (None, 4):
        for channels, size in SHAPES:
            torch.manual_seed(0)
            model = _network(channels, tau, branches)
            x = torch.randn(1, 8, size, size)
            networks = {}
            for name, most in (("apart", 0), ("merged", channels)):
                with mock.patch.object(merge_branches, "MOST_OUTPUTS", most):
                    networks[name] = tvm_snn.compile(model, example_inputs=(x,), verify=False)
            seconds: dict[str, list[float]] = {name: [] for name in networks}
            for network in networks.values():
                network.num_threads = 1
                network(x)
            for _ in range(rounds):
                for name, network in networks.items():
                    start = time.perf_counter()
                    network(x)
                    seconds[name].append(time.perf_counter() - start)
            merged, apart = seconds["merged"], seconds["apart"]
            kind = "1 bit" if tau is None else f"tau {tau}"
            click.echo(
                f"{branches} branches of {channels} channels at {size}x{size}, {kind}: "
                f"median {statistics.median(merged) / statistics.median(apart):.2f}, "
                f"minimum {min(merged) / min(apart):.2f}; apart "
                f"{1e6 * statistics.median(apart):.0f} us"
            )


if __name__ == "__main__":
    main()
