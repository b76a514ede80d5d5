"""A network whose forward and backward run as code that torch.compile made of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..nn import BinarizedLayer


class CompiledNetwork:
    """Calls `model` compiled; parameters, buffers and mode are those of `model` at every call.

    Weights are binarised before, outside of the compiled code, and take the place of the latent
    ones in it. That leaves subsets free to move in Python, and makes the code the same for every
    subset policy and size, so that torch's cache on disk has it after the first. Shapes are fixed:
    another size of batch is compiled anew.
    """

    def __init__(self, model: nn.Module) -> None:
        """Compile nothing yet: torch does at the first call."""
        self._model = model
        # Isolated, or networks trained one after the other would exceed torch's limit together. The
        # overloads that PyTorch declares lack that argument.
        self._run: Callable[[nn.Module, dict[str, Tensor], Tensor], Tensor] = torch.compile(  # type: ignore[call-overload]
            _run, dynamic=False, fullgraph=True, isolate_recompiles=True
        )
        self._layers = {
            name: layer
            for name, layer in model.named_modules()
            if isinstance(layer, BinarizedLayer)
        }

    def __call__(self, images: Tensor) -> Tensor:
        """What the model returns for images (N, C, H, W), with its gradients."""
        weights = {
            f"{name}.weight": layer.effective_weight() for name, layer in self._layers.items()
        }
        with self._weights_as_given():
            return self._run(self._model, weights, images)

    @contextmanager
    def _weights_as_given(self) -> Iterator[None]:
        before = {layer: layer.float_weights for layer in self._layers.values()}
        try:
            for layer in before:
                layer.float_weights = True
            yield
        finally:
            for layer, float_weights in before.items():
                layer.float_weights = float_weights


def _run(model: nn.Module, weights: dict[str, Tensor], images: Tensor) -> Tensor:
    return functional_call(model, weights, (images,))
