"""Small layers and networks to tune."""

from typing import Any

import torch

from tvm_snn.nn import BinaryActivation, SubBitConv2d
from tvm_snn.schedules.operation import Operation

HERE = "tests.tvm_snn.tuning.layers"
SHAPE = (1, 16, 6, 6)


def network(layers: int = 1) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """Sub-bit convolutions one after the other, and an input."""
    torch.manual_seed(0)
    blocks: list[torch.nn.Module] = []
    for i in range(layers):
        conv = SubBitConv2d(16 if i == 0 else 32, 32, padding=1, tau=4)
        blocks += [BinaryActivation(), conv, torch.nn.BatchNorm2d(32)]
    return torch.nn.Sequential(*blocks).eval(), (torch.zeros(SHAPE),)


def float_network() -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """A network without a binary layer."""
    return torch.nn.Linear(3, 2), (torch.zeros(1, 3),)


def subset_conv2d(
    data: str = "int8",
    layout: str = "NCHW",
    groups: int = 1,
    channels: int = 16,
    unit: int = 1,
    stride: int = 1,
) -> Operation:
    """A 3x3 layer of 12 outputs a group and 16 subset kernels over an image of 7x7."""
    shapes: dict[str, Any] = {
        "NCHW": (1, channels, 7, 7),
        "NHWC": (1, 7, 7, channels),
    }
    shape = shapes[layout]
    if data == "uint64":
        shape = (1, 2, 7, 7, groups * -(-channels // groups // 64))
    operands = (
        (data, shape),
        ("int8", (16, unit, 3, 3)),
        ("uint8", (12 * groups, channels // groups // unit)),
    )
    attrs = {
        "data_layout": layout,
        "dilation": (1, 1),
        "groups": groups,
        "padding": (1, 1, 1, 1),
        "strides": (stride, stride),
    }
    operation = Operation("snn.subset_conv2d", operands, tuple(sorted(attrs.items())))
    operation.check()
    return operation
