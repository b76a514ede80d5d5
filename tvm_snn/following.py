"""Another engine's signs, followed: is it ties alone that its outputs differ by?

A float that is zero but for rounding has a sign in one engine that it has not in another, and
everything that follows from it differs. Here the reference interpreter takes the other engine's
sign wherever the two differ, which they may for such floats only. Whatever is still different in
the outputs has another reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tvm import relax

from .compiled_network import CompiledNetwork
from .errors import VerificationError
from .reference import evaluate, evaluate_call
from .relay_passes.layers import operator_name, var_bindings
from .ties import PACKS_SIGNS, SIGNS, tolerance
from .verification import reference_function


@dataclass(frozen=True)
class Followed:
    """A run of the reference interpreter that decided ties as another engine did."""

    outputs: tuple[NDArray, ...]
    ties: int
    """Signs that the reference decides otherwise by itself."""


def follow(network: CompiledNetwork, inputs: Sequence[Any], signs: Sequence[NDArray]) -> Followed:
    """Run a network's reference with the signs that another engine computed for these inputs.

    `signs` are those of activations, -1, 0 or 1, channels first, in the order in which the network
    computes them. Raises VerificationError where there are more or fewer than the network has,
    where one has another shape, and where a sign differs of a float that is further from zero than
    rounding explains.
    """
    function = reference_function(network)
    definitions = {binding.var: binding.value for binding in var_bindings(function)}
    count = sum(map(_decides, definitions.values()))
    if count != len(signs):
        raise VerificationError(
            f"The network takes {count} tensors of signs, {len(signs)} were given. Give those of "
            "activations, and not of weights."
        )
    arrays = network.check_inputs(inputs, {})
    values = [*arrays, *(weight.array for weight in network.artifact.weights)]
    known = dict(zip(function.params, values, strict=True))
    following = _Following(definitions, known, list(signs))
    result = evaluate(function, values, observe=following.observe)
    return Followed(result if isinstance(result, tuple) else (result,), following.ties)


def _decides(definition: relax.Expr) -> bool:
    """Whether an operator tells the signs of floats; those of integers have been decided before."""
    return operator_name(definition) in SIGNS and "float" in str(definition.args[0].ty.dtype)


class _Following:
    """Puts another engine's signs in the place of the reference's."""

    def __init__(
        self,
        definitions: dict[relax.Var, relax.Expr],
        values: dict[relax.Var, Any],
        signs: list[NDArray],
    ) -> None:
        self._definitions, self._values, self._signs = definitions, values, signs
        self.ties = 0

    def observe(self, var: relax.Var, value: Any) -> Any:
        self._values[var] = value
        definition = self._definitions[var]
        if not _decides(definition):
            return None
        data = self._values[definition.args[0]]
        signs = _as_laid_out(self._signs.pop(0), definition, data, str(var.name))
        differ = np.sign(data) != signs
        far = differ & (np.abs(data) > tolerance(np.zeros_like(data), data))
        if far.any():
            at = np.unravel_index(int(np.argmax(np.where(far, np.abs(data), -1))), data.shape)
            raise VerificationError(
                f"{int(far.sum())} signs of {str(var.name)!r} differ and are no ties, the worst at "
                f"{tuple(map(int, at))}: it is of {data[at]:.6g}, and {signs[at]:g} was given."
            )
        self.ties += int(differ.sum())
        return evaluate_call(definition, [signs.astype(data.dtype)])


def _as_laid_out(signs: NDArray, definition: relax.Call, data: NDArray, name: str) -> NDArray:
    """Return signs, channels first, in the layout of what the network takes them of.

    Signs are packed of channels-last images. Others may have either layout.
    """
    last = np.moveaxis(signs, 1, -1) if signs.ndim > 2 else signs
    packed = operator_name(definition) == PACKS_SIGNS
    for array in (last, signs) if packed else (signs, last):
        if array.shape == data.shape:
            return array
    raise VerificationError(
        f"The signs of {name!r} have shape {data.shape}, those given {signs.shape}."
    )
