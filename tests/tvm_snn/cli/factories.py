"""Models for the command line: as Python factories, and as files."""

import functools
from pathlib import Path

import torch

from tvm_snn.nn import BinaryActivation, SubBitConv2d

SHAPE = (1, 8, 6, 6)
HERE = "tests.tvm_snn.cli.factories"


def network(tau: int = 4) -> torch.nn.Module:
    """A sub-bit conv on signs and a dense layer."""
    torch.manual_seed(0)
    return torch.nn.Sequential(
        BinaryActivation(),
        SubBitConv2d(8, 16, padding=1, tau=tau),
        torch.nn.Flatten(),
        torch.nn.Linear(16 * 36, 5),
    ).eval()


def network_with_inputs(tau: int = 4) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """The same with its example inputs."""
    return network(tau), (torch.zeros(SHAPE),)


def two_outputs() -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """A network with two inputs and two outputs."""

    class Two(torch.nn.Module):
        def forward(self, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return first + second, torch.log(first)

    return Two(), (torch.zeros(2, 3), torch.zeros(2, 3))


def failing() -> torch.nn.Module:
    """Raises, as user code may."""
    raise RuntimeError("the checkpoint is missing")


def no_module() -> int:
    """Returns what is no model."""
    return 3


CONSTANT = 3


@functools.cache
def exported(folder: Path) -> Path:
    """Write the network as net.pt2 and net.onnx into a folder."""
    example = (torch.zeros(SHAPE),)
    program = torch.export.export(network(), example)
    torch.export.save(program, folder / "net.pt2")
    torch.onnx.export(network(), example, str(folder / "net.onnx"), dynamo=False)
    return folder
