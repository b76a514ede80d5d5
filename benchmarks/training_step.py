"""Time a training step of a sub-bit network next to that of a plain binary one.

    python benchmarks/training_step.py

Prints, for every subset policy, the median and the shortest time of a step (forward, backward,
SGD) of the residual stage of a ResNet-20 on batches of 28x28 images, as ratios to the same stage
with 1-bit weights; with `--compile`, also of stages that run compiled, as `tvm-snn train --compile`
runs networks. It is processor time on one thread, so that other processes disturb less, and
the variants take turns, so that a change of the machine's speed meets all.
"""

import statistics
import time
from collections.abc import Callable

import click
import torch
from torch import Tensor, nn

from tvm_snn.nn import POLICIES, BinaryConv2d, SubBitConv2d
from tvm_snn.training.compiled import CompiledNetwork
from tvm_snn.zoo.layers import Kernels
from tvm_snn.zoo.resnet import ResidualUnit


def _stage(policy: str | None, tau: int, width: int) -> nn.Module:
    units = [ResidualUnit(width, width, 1, Kernels(None), "W1A1") for _ in range(2)]
    for unit in units:
        if policy is None:
            unit.conv = BinaryConv2d(width, width, padding=1)
        elif policy == "paired":
            unit.conv = SubBitConv2d(
                width, width, padding=1, subset="refined", subset_size=64, unit=2
            )
        else:
            unit.conv = SubBitConv2d(width, width, padding=1, subset=policy, tau=tau)
    return nn.Sequential(*units)


@click.command()
@click.option("--width", default=64, show_default=True, help="Channels of the stage.")
@click.option("--batch", default=64, show_default=True, help="Images of a batch.")
@click.option("--size", default=14, show_default=True, help="Rows and columns of the maps.")
@click.option("--tau", default=5, show_default=True)
@click.option("--rounds", default=12, show_default=True, help="Steps of each variant.")
@click.option("--compile", "compiled", is_flag=True, help="Measure compiled stages, too.")
def main(width: int, batch: int, size: int, tau: int, rounds: int, compiled: bool) -> None:
    """Measure every policy in turns and print the ratios."""
    torch.set_num_threads(1)
    policies: dict[str, str | None] = {"1 bit": None, **{p: p for p in (*POLICIES, "paired")}}
    stages = {name: _stage(policy, tau, width) for name, policy in policies.items()}
    optimizers = {v: torch.optim.SGD(s.parameters(), 0.01, 0.9) for v, s in stages.items()}
    runs: dict[str, Callable[[Tensor], Tensor]] = dict(stages)
    if compiled:
        for name, stage in stages.items():
            runs[f"{name}, compiled"] = CompiledNetwork(stage)
            optimizers[f"{name}, compiled"] = optimizers[name]
    x = torch.randn(batch, width, size, size)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for round_number in range(rounds + 2):
        for name, run in runs.items():
            start = time.process_time()
            run(x).square().mean().backward()
            optimizers[name].step()
            optimizers[name].zero_grad()
            if round_number >= 2:
                seconds[name].append(time.process_time() - start)
    base = seconds.pop("1 bit")
    click.echo(
        f"two residual units, {width} channels, {batch} x {size} x {size}, tau {tau}, "
        f"one thread; 1 bit: median "
        f"{1e3 * statistics.median(base):.1f} ms, minimum {1e3 * min(base):.1f} ms"
    )
    for name, times in seconds.items():
        median = statistics.median(times) / statistics.median(base)
        click.echo(f"{name:>25}: median {median:.2f}, minimum {min(times) / min(base):.2f}")


if __name__ == "__main__":
    main()
