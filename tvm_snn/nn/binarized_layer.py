"""What all binarised layers share: latent weights, how they become binary, scale and bias."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from ..errors import ModelError
from .estimators import Estimator, Slope


class BinarizedLayer(nn.Module, ABC):
    """A layer whose weights are scale[o] * {+1, -1} in every forward.

    `weight` (O, ...) is the latent float weight that the optimiser moves; a subclass says how it
    becomes binary. The scale of an output is its mean |weight| (Rastegari et al., "XNOR-Net",
    ECCV 2016, Eq. (6)), kept out of the gradient as in the code of the sub-bit paper:
    dL/dweight = scale * slope(weight) * dL/dW for W = scale * binary.

    With `balanced`, IR-Net's weights (Qin et al., CVPR 2020, Sec. 3.2, Libra parameter
    binarisation): the latent weight of each output is first shifted to mean 0 and divided by its
    standard deviation, and its scale is the power of two nearest to the mean magnitude of the
    result, 2^round(log2(mean |.|)). The gradient passes the standardisation, not the scale.

    While `float_weights` is true the latent weights themselves are used: the first step of
    two-step training. It is a mode, like train and eval, and no state.
    """

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(
        self,
        shape: tuple[int, ...],
        bias: bool,
        estimator: Estimator,
        balanced: bool,
        generator: torch.Generator | None,
    ) -> None:
        """Create latent weights of `shape` (O, ...), drawn from `generator` or the global one.

        Raises ModelError for `balanced` where an output has a single weight: it has no spread.
        """
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))
        nn.init.kaiming_normal_(self.weight, generator=generator)
        self.register_parameter("bias", nn.Parameter(torch.zeros(shape[0])) if bias else None)
        self.slope = Slope(estimator)
        if balanced and self.weight[0].numel() < 2:
            raise ModelError(
                f"{type(self).__name__}: balanced weights need at least 2 weights for an output, "
                f"but its weights have shape {shape}"
            )
        self.balanced = balanced
        self.float_weights = False

    @abstractmethod
    def binarize(self, latent: Tensor) -> Tensor:
        """Return {+1, -1} for latent weights, same shape and dtype, with their gradient."""

    def latent(self) -> Tensor:
        """The weights that are binarised: `weight`, standardised where `balanced`."""
        if not self.balanced:
            return self.weight
        std, mean = torch.std_mean(self.weight.flatten(1), dim=1)
        return (self.weight - self._of_output(mean)) / self._of_output(std)

    def effective_weight(self) -> Tensor:
        """scale[o] * {+1, -1}: the weight that the layer really uses, with its gradient."""
        if self.float_weights:
            return self.weight
        latent = self.latent()
        magnitude = latent.detach().abs().mean(dim=tuple(range(1, latent.dim())))
        scale = torch.exp2(magnitude.log2().round()) if self.balanced else magnitude
        return self._of_output(scale) * self.binarize(latent)

    def _of_output(self, values: Tensor) -> Tensor:
        """One value for each output, shaped to multiply the weights."""
        return values.reshape(-1, *[1] * (self.weight.dim() - 1))


def set_float_weights(model: nn.Module, float_weights: bool) -> None:
    """Let every binarised layer in `model` use its latent weights as they are, or binary ones."""
    for module in model.modules():
        if isinstance(module, BinarizedLayer):
            module.float_weights = float_weights
