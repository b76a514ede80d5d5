"""Compare a compiled network with the reference interpreter, kernel by kernel.

The reference runs the network in numpy. After each tensor that the compiled network has too, the
two are compared and the compiled one's tensor takes the reference's place, so that each kernel is
judged on exactly the inputs that it had, and a difference is named where it arises. The binary
layers are also compared alone (cores.py), on the same data: their integer sums must be equal.

Integers must be equal. Floats may differ by rounding: by RELATIVE_TOLERANCE of the value plus
ABSOLUTE_TOLERANCE of the tensor's largest value. A sign may differ only where the float whose sign
it is lies within that tolerance of zero (ties.py); such ties are counted and reported, never
hidden.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax

from .compiled_network import CompiledNetwork
from .cores import Cores
from .errors import ArtifactError, VerificationError
from .progress import phase
from .reference import evaluate
from .relay_passes.inline_body import join_slices
from .relay_passes.layers import var_bindings
from .target import parse_target
from .ties import comparable, distance_from_threshold, range_with_ties, tolerance


@dataclass(frozen=True)
class Check:
    """The comparison of one tensor."""

    tensor: str
    exact: bool
    """Whether all elements are equal."""
    difference: float
    """Largest absolute difference of elements that are no ties."""
    elements: int
    ties: int = 0
    """Elements that differ because a sign in their kernel is of a float that is zero but for
    rounding."""


@dataclass
class Verification:
    """The outcome of a verification that did not fail."""

    checks: list[Check] = field(default_factory=list)
    """The results of the network's kernels, in order."""
    cores: list[Check] = field(default_factory=list)
    """The binary layers, each with nothing fused to it."""
    output_difference: float = 0.0
    """Largest difference of an output from a reference run of its own, from input to output."""

    close_calls: int = 0
    """Signs of floats, not exactly zero, that lie within the tolerance of zero. They are equal
    here; an engine that rounds differently may decide them otherwise, and everything that follows
    from them."""

    zeros: int = 0
    """Signs of floats that are exactly zero. Where such a float is a sum, an engine that rounds
    differently may find one beside zero, which has a sign."""

    @property
    def ties(self) -> int:
        """Number of signs that differ because their float is zero but for rounding."""
        return sum(check.ties for check in self.checks)

    def __str__(self) -> str:
        """Return the outcome in a line or two."""
        text = (
            f"verified against the reference interpreter: {_counted(self.cores, 'binary layers')}; "
            f"{_counted(self.checks, 'results of kernels')}"
        )
        if self.ties:
            tied = [check for check in self.checks if check.ties]
            places = ", ".join(f"{check.tensor} ({check.ties})" for check in tied)
            text += (
                f"\n{self.ties} signs differ where the float is zero but for rounding: {places}; "
                f"the outputs differ by up to {self.output_difference:.2g} from a reference run"
            )
        if self.close_calls:
            text += (
                f"\n{self.close_calls} signs are of floats within rounding of zero: an engine that "
                "rounds differently (PyTorch, onnxruntime) may decide them otherwise"
            )
        return text


def verify_network(network: CompiledNetwork, inputs: Sequence[Any]) -> Verification:
    """Compare a compiled network with the reference interpreter on the given inputs.

    Raises VerificationError where they disagree, naming the tensor and the worst element.
    """
    with phase("verifying against the reference interpreter"):
        return _verify(network, network.check_inputs(inputs, {}))


def _verify(network: CompiledNetwork, arrays: list[NDArray]) -> Verification:
    function = reference_function(network)
    values = [*arrays, *(weight.array for weight in network.artifact.weights)]
    weights = {weight.name: weight.array for weight in network.artifact.weights}
    cores = Cores(function, parse_target(network.artifact.target), weights, network.compute)
    comparison = _Comparison(function, values, _captured(network, arrays))
    outputs = _as_tuple(evaluate(function, values, observe=comparison.observe))
    result = _as_tuple(network(*arrays))
    comparison.compare_outputs(outputs, result)
    comparison.compare_cores(cores)
    verification = comparison.verification
    alone = outputs if not verification.ties else _as_tuple(evaluate(function, values))
    verification.output_difference = max(
        (_difference(a, b) for a, b in zip(alone, result, strict=True)), default=0.0
    )
    return verification


def reference_function(network: CompiledNetwork) -> relax.Function:
    """Return what the reference runs: a compiled network's inputs and weights to its outputs.

    Raises ArtifactError where the artifact's copy of it cannot be read.
    """
    try:
        return tvm.ir.load_json(network.artifact.network)["main"]
    except Exception as error:
        raise ArtifactError(
            f"The artifact's network cannot be read ({error}). Compile it anew."
        ) from error


def _captured(network: CompiledNetwork, arrays: Sequence[NDArray]) -> dict[str, list[NDArray]]:
    """Run the network and return the output buffers of every kernel by the tensor's name."""
    calls = network.capture(arrays)
    expected = [kernel.function for kernel in network.artifact.kernels]
    if [function for function, _ in calls] != expected:
        raise VerificationError(
            f"The compiled network did not call the kernels that its artifact lists: "
            f"{len(calls)} calls, {len(expected)} expected. Compile it anew."
        )
    captured: dict[str, list[NDArray]] = {}
    for kernel, (_, buffers) in zip(network.artifact.kernels, calls, strict=True):
        captured.update(_by_tensor(kernel.outputs, buffers))
    return join_slices(captured)


def _by_tensor(names: tuple[str, ...], buffers: list[NDArray]) -> dict[str, list[NDArray]]:
    if len(names) == 1:
        return {names[0]: buffers}
    return {
        name: [buffer]
        for name, buffer in zip(names, buffers[len(buffers) - len(names) :], strict=True)
    }


class _Comparison:
    """Compares tensors as the reference computes them and hands it the compiled ones."""

    def __init__(
        self,
        function: relax.Function,
        values: Sequence[NDArray],
        captured: dict[str, list[NDArray]],
    ) -> None:
        self.verification = Verification()
        self._captured = captured
        self._definitions: dict[relax.Expr, Any] = {
            binding.var: binding.value for binding in var_bindings(function)
        }
        self._values: dict[relax.Expr, Any] = dict(zip(function.params, values, strict=True))

    def observe(self, var: relax.Var, value: Any) -> Any:
        name = str(var.name)
        self._values[var] = value
        self._count_close_calls(self._definitions[var])
        if name not in self._captured:
            return None
        expected = _as_tuple(value)
        buffers = self._captured[name]
        found = buffers[len(buffers) - len(expected) :]
        for number, pair in enumerate(zip(expected, found, strict=True)):
            one_expected, one_found = map(comparable, pair)
            wrong = _wrong(name, one_expected, one_found)
            tied = self._tied(var, number, one_expected, one_found, wrong)
            self.verification.checks.append(_check(name, one_expected, one_found, wrong, tied))
        replacement = tuple(found) if isinstance(value, tuple) else found[0]
        self._values[var] = replacement
        return replacement

    def compare_cores(self, cores: Cores) -> None:
        """Check the binary layers alone, on the data that they have in the network."""
        variables = {str(var.name): var for var in self._definitions}
        data = {
            name: self._values[self._definitions[variables[name]].args[0]] for name in cores.layers
        }
        for name, sums in cores(data).items():
            expected = self._values[variables[name]]
            wrong = _wrong(name, expected, sums)
            untied = np.zeros_like(wrong)
            self.verification.cores.append(_check(name, expected, sums, wrong, untied))

    def compare_outputs(self, expected: Sequence[NDArray], found: Sequence[NDArray]) -> None:
        """Check that what the network returns is what its kernels computed."""
        for number, (one_expected, one_found) in enumerate(zip(expected, found, strict=True)):
            if _outside(one_expected, one_found).any():
                raise VerificationError(
                    f"Output {number} of the compiled network is not what its kernels computed: "
                    f"it differs by {_difference(one_expected, one_found):.3g}."
                )

    def _count_close_calls(self, definition: relax.Expr) -> None:
        distance = distance_from_threshold(definition, self._values)
        if distance is not None:
            close = np.abs(distance) <= tolerance(np.zeros_like(distance), distance)
            self.verification.close_calls += int((close & (distance != 0)).sum())
            self.verification.zeros += int((distance == 0).sum())

    def _tied(
        self, var: relax.Var, number: int, expected: NDArray, found: NDArray, wrong: NDArray
    ) -> NDArray[np.bool_]:
        """Return which of the wrong elements are so because of a tie."""
        if not wrong.any():
            return wrong
        ranges = range_with_ties(var, self._definitions, self._values, self._captured)
        least, greatest = (bound.astype(np.float64) for bound in ranges[number])
        with np.errstate(invalid="ignore"):
            slack = tolerance(expected, expected) if _is_float(expected) else 0.0
            inside = (least - slack <= found) & (found <= greatest + slack)
        return wrong & inside & (least < greatest)


def _wrong(name: str, expected: NDArray, found: NDArray) -> NDArray[np.bool_]:
    """Return where two tensors differ by more than they may."""
    if expected.shape != found.shape or expected.dtype != found.dtype:
        raise VerificationError(
            f"Tensor {name!r} is {found.dtype}{found.shape} in the compiled network and "
            f"{expected.dtype}{expected.shape} in the reference."
        )
    return _outside(expected, found)


def _check(
    name: str,
    expected: NDArray,
    found: NDArray,
    wrong: NDArray[np.bool_],
    tied: NDArray[np.bool_],
) -> Check:
    if (wrong & ~tied).any():
        raise VerificationError(_disagreement(name, expected, found, wrong & ~tied))
    return Check(
        tensor=name,
        exact=bool(np.array_equal(expected, found)),
        difference=_difference(expected[~tied], found[~tied]),
        elements=expected.size,
        ties=int(tied.sum()),
    )


def _outside(expected: NDArray, found: NDArray) -> NDArray[np.bool_]:
    """Return where the two differ by more than they may."""
    differs = ~((expected == found) | (_nan(expected) & _nan(found)))
    if not _is_float(expected) or not differs.any():
        return differs
    with np.errstate(invalid="ignore"):
        close = np.abs(expected - found) <= tolerance(expected, expected)
    return differs & ~close


def _nan(array: NDArray) -> NDArray[np.bool_]:
    return np.isnan(array) if _is_float(array) else np.zeros(array.shape, bool)


def _is_float(array: NDArray) -> bool:
    return np.issubdtype(array.dtype, np.floating)


def _difference(expected: NDArray, found: NDArray) -> float:
    with np.errstate(invalid="ignore"):
        difference = np.abs(expected.astype(np.float64) - found.astype(np.float64))
    return float(np.nan_to_num(difference).max(initial=0.0))


def _disagreement(name: str, expected: NDArray, found: NDArray, wrong: NDArray) -> str:
    distance = np.where(wrong, np.abs(expected.astype(np.float64) - found), -1.0)
    worst = tuple(int(i) for i in np.unravel_index(int(distance.argmax()), distance.shape))
    return (
        f"The compiled network disagrees with the reference at tensor {name!r}: "
        f"{int(wrong.sum()):,} of {wrong.size:,} elements differ, the worst at {worst}: "
        f"{found[worst]} instead of {expected[worst]}. This is a defect of the compiler: please "
        "report it with the model."
    )


def _counted(checks: Sequence[Check], what: str) -> str:
    exact = sum(check.exact for check in checks)
    if exact == len(checks):
        return f"{exact} {what}, all equal bit for bit"
    largest = max(check.difference for check in checks)
    but = " but for ties" if any(check.ties for check in checks) else ""
    return (
        f"{len(checks)} {what}, {exact} equal bit for bit, the others within float32 rounding{but} "
        f"(largest difference {largest:.2g})"
    )


def _as_tuple(value: Any) -> tuple[NDArray, ...]:
    return value if isinstance(value, tuple) else (value,)
