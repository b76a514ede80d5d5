"""Turning an ordinary float network into a binary or sub-bit one, layer by layer."""

from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Any, Literal, cast

import torch
from torch import nn

from ..errors import ModelError
from .activations import Activations, activation
from .binarized_conv2d import Pair
from .binary_conv2d import BinaryConv2d
from .binary_linear import BinaryLinear
from .estimators import Estimator
from .sub_bit_conv2d import SubBitConv2d
from .sub_bit_linear import SubBitLinear
from .subsets import PolicyFactory

Skip = Collection[str] | Callable[[nn.Module], Collection[str]]
Body = Literal["hardtanh", "prelu"]


def first_and_last(model: nn.Module) -> set[str]:
    """Names of the first and the last conv or dense layer, in the order the model lists them.

    Almost every paper on binary networks keeps these two in float.
    """
    names = list(_weighted(model))
    return {names[0], names[-1]} if names else set()


def convert(
    model: nn.Module,
    tau: int | None = 5,
    *,
    skip: Skip = first_and_last,
    subset: str | PolicyFactory = "vanilla",
    unit: int | None = None,
    subset_size: int | None = None,
    pointwise_tau: int | None = None,
    activations: Activations = "W1A1",
    body: Body | None = None,
    estimator: Estimator = "clipped",
    sign_estimator: Estimator = "polynomial",
    balanced: bool = False,
    generator: torch.Generator | None = None,
) -> nn.Module:
    """Replace the conv and dense layers of `model`, in place, by sub-bit ones; return the model.

    Every `nn.Conv2d` and `nn.Linear` but those that `skip` names (names as in
    `model.named_modules()`, or a function of the model that returns them) becomes a layer with
    K = 2^tau kernels, or a 1-bit layer for tau None; its float weights and bias stay as the latent
    weights. Spatial kernels take `unit` (default 1) channels to a unit and `subset_size` where
    given; 1x1 convolutions and dense layers take units of 8 channels and 2^pointwise_tau patterns,
    by default as many as tau says.

    For W1A1 a sign goes before each: the layer becomes a Sequential of `sign` and `layer`; for
    W1A2 to W1A8 a `UniformActivation` of so many bits takes its place. Since
    the sign of what ReLU gives is never -1, replace ReLUs by `body`: "hardtanh" or "prelu" (one
    slope for all channels).

    Raises ModelError where a layer cannot be replaced (a transposed convolution is left alone; a
    convolution with padding other than zeros, or channels that do not divide by the unit, is not),
    naming it: put it into `skip`.
    """
    layers = _weighted(model)
    skipped = set(skip(model) if callable(skip) else skip)
    unknown = skipped - layers.keys()
    if unknown:
        raise ModelError(
            f"skip names {', '.join(sorted(unknown))}, but the model's conv and dense layers are "
            f"{', '.join(layers)}"
        )
    replaced = {name: layer for name, layer in layers.items() if name not in skipped}
    if not replaced:
        raise ModelError(
            f"there is nothing to convert: of the model's {len(layers)} conv and dense layers "
            f"{len(skipped)} are skipped"
        )
    for name, layer in replaced.items():
        spatial = isinstance(layer, nn.Conv2d) and layer.kernel_size != (1, 1)
        layer_tau = tau if spatial or pointwise_tau is None else pointwise_tau
        options: dict[str, Any] = {
            "estimator": estimator,
            "balanced": balanced,
            "generator": generator,
        }
        if tau is not None:
            options |= {"tau": layer_tau, "subset": subset}
            if spatial:
                options |= {"unit": unit, "subset_size": subset_size}
        try:
            new = _like(layer, tau is None, options)
        except ModelError as error:
            raise ModelError(f"{name} cannot be converted: {error}; skip it") from error
        if activations != "W1A32":
            sign = activation(activations, sign_estimator)
            new = nn.Sequential(OrderedDict(sign=sign, layer=new))
        _put(model, name, new.train(layer.training))
    if body is not None:
        _replace_relus(model, body)
    return model


def _weighted(model: nn.Module) -> dict[str, nn.Conv2d | nn.Linear]:
    """Conv and dense layers by name; a transposed convolution is no nn.Conv2d."""
    return {n: m for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}


def _like(layer: nn.Conv2d | nn.Linear, one_bit: bool, options: dict[str, Any]) -> nn.Module:
    """A binarised layer with the geometry and the weights of `layer`."""
    new: BinaryConv2d | SubBitConv2d | BinaryLinear | SubBitLinear
    if isinstance(layer, nn.Conv2d):
        if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
            raise ModelError(
                f"its padding is {layer.padding!r} ({layer.padding_mode}); only numbers of zeros "
                "are supported"
            )
        conv = BinaryConv2d if one_bit else SubBitConv2d
        new = conv(
            layer.in_channels,
            layer.out_channels,
            cast(Pair, layer.kernel_size),
            cast(Pair, layer.stride),
            cast(Pair, layer.padding),
            cast(Pair, layer.dilation),
            layer.groups,
            layer.bias is not None,
            **options,
        )
    else:
        dense = BinaryLinear if one_bit else SubBitLinear
        new = dense(layer.in_features, layer.out_features, layer.bias is not None, **options)
    new.to(layer.weight)
    new.weight = cast(nn.Parameter, layer.weight)
    new.bias = cast(nn.Parameter | None, layer.bias)
    return new


def _replace_relus(model: nn.Module, body: Body) -> None:
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.ReLU | nn.ReLU6):
            _put(model, name, nn.Hardtanh() if body == "hardtanh" else nn.PReLU())


def _put(model: nn.Module, name: str, module: nn.Module) -> None:
    """Put `module` where `name` leads from `model`."""
    if not name:
        raise ModelError("the model is a single layer: make the sub-bit layer itself instead")
    parent, _, attribute = name.rpartition(".")
    setattr(model.get_submodule(parent), attribute, module)
