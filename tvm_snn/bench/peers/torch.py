"""PyTorch: eager float32 convolutions, and the exported program with its constants folded."""

import torch

from ..layers_of_resnet18 import Layer
from ..timing import Contender
from .convolutions import convolution
from .exported import ExportedNetwork

NAME = "PyTorch"


def layer_contenders(layer: Layer, threads: int) -> dict[str, Contender]:
    """Return the float32 convolution, channels first; sets the process's number of threads."""
    torch.set_num_threads(threads)
    conv = convolution(layer)
    data, weight = torch.from_numpy(conv.data), torch.from_numpy(conv.weight)

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
