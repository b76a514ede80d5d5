"""How a network changes on its way to machine code: its operators after each phase.

    python examples/stages.py

docs/how-it-works.md explains what it prints.
"""

from collections.abc import Iterator

import torch
import tvm
from torch import nn
from tvm import relax

from tvm_snn.compiler import Detected, detect, rewrite
from tvm_snn.frontend import import_model
from tvm_snn.nn import BinaryActivation, SubBitConv2d
from tvm_snn.relay_passes.choose_strategies import choose_strategies, set_strategies
from tvm_snn.relay_passes.layers import var_bindings
from tvm_snn.relay_passes.lift_weights import lift_weights
from tvm_snn.relay_passes.lower import lower_to_kernels
from tvm_snn.relay_passes.rewrite_layers import rewrite_layers
from tvm_snn.target import features_of, parse_target

TARGET = "llvm -mcpu=sapphirerapids"


def two_layers() -> tuple[nn.Module, torch.Tensor]:
    """Return a network of two sub-bit layers, and an input for it."""
    torch.manual_seed(0)
    network = nn.Sequential(
        BinaryActivation(),
        SubBitConv2d(64, 64, 3, padding=1, tau=5),
        nn.BatchNorm2d(64),
        nn.PReLU(64),
        BinaryActivation(),
        SubBitConv2d(64, 64, 3, padding=1, tau=5),
    )
    return network.eval(), torch.randn(1, 64, 14, 14)


def stages(network: nn.Module, x: torch.Tensor) -> Iterator[tuple[str, tvm.IRModule]]:
    """Yield what each phase of :func:`tvm_snn.compile` leaves, and its name."""
    yield "imported", import_model(network, (x,))
    detected: Detected = detect(network, (x,))
    yield "cleaned", detected.module
    yield "rewritten", rewrite_layers(detected.layers)(detected.module)
    target = parse_target(TARGET)
    features = features_of(target)
    laid_out = rewrite(detected, features)
    yield "laid out", laid_out
    chosen = set_strategies(choose_strategies(laid_out, features))(laid_out)
    yield "kernels", lower_to_kernels(lift_weights(chosen).module, target)


def operators(module: tvm.IRModule) -> Iterator[str]:
    """Yield a line for each operator of a network: its (first) result's type, and its name."""
    for binding in var_bindings(module["main"]):
        call, result = binding.value, binding.var.ty
        if not isinstance(call, relax.Call):
            continue
        if isinstance(result, relax.TupleType):
            result = result.fields[0]
        name = str(call.op.name)
        if name == "relax.call_tir":
            name = str(call.args[0].name_hint)
        shape = "x".join(str(int(size)) for size in result.shape)
        yield f"{result.dtype!s:8}{shape:14}{name.removeprefix('relax.')}"


def main() -> None:
    """Print the operators after each phase."""
    for name, module in stages(*two_layers()):
        print(f"{name}:")
        for line in operators(module):
            print(f"    {line}")


if __name__ == "__main__":
    main()
