"""PyTorch: eager float32 convolutions, and the exported program with its constants folded."""

import torch

from ..layers_of_resnet18 import Layer
from ..timing import Contender
from .convolutions import convolution
from .exported import ExportedNetwork

NAME = "PyTorch"


def layer_contenders(layer: Layer, threads: int) -> dict[str, Contender]:
    """Return the float32 convolution; sets the process's number of threads."""
    torch.set_num_threads(threads)
    conv = convolution(layer)
    # Channels last is the faster of PyTorch's two layouts for all of these layers.
    data, weight = (
        torch.from_numpy(array).to(memory_format=torch.channels_last)
        for array in (conv.data, conv.weight)
    )

    @torch.inference_mode()
    def run() -> torch.Tensor:
        return torch.nn.functional.conv2d(data, weight, stride=layer.stride, padding=1)

    return {"float32": Contender(run, lambda: run().numpy())}


def network_contenders(network: ExportedNetwork, threads: int) -> dict[str, Contender]:
    """Return the float32 network; sets the process's number of threads."""
    torch.set_num_threads(threads)
    data = torch.from_numpy(network.data)

    @torch.inference_mode()
    def run() -> torch.Tensor:
        result: torch.Tensor = network.program(data)
        return result

    return {"float32": Contender(run, lambda: run().numpy())}
