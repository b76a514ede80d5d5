"""A compiled network, whatever machine it is for: its inputs, its report, its file."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tvm import relax

from .accelerator_session import RegionCycles
from .artifact import Artifact, TensorSpec, write_artifact
from .c_runtime import PREFIX, CLibrary, export_c
from .errors import ArtifactError, ModelError
from .machine import this_machine
from .measurement import Times
from .report import Report

Result = NDArray | tuple[NDArray, ...]
KernelCall = tuple[str, list[NDArray]]
"""A kernel that ran: its name, and its arguments as they were after it."""


class CompiledNetwork:
    """A compiled network. Where it is for this machine, it is a `Network` that can be called."""

    def __init__(self, artifact: Artifact) -> None:
        """Show what is in an artifact; nothing of it is loaded."""
        self.artifact = artifact

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Name, shape and dtype of every input."""
        return self.artifact.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Name, shape and dtype of every output."""
        return self.artifact.outputs

    def report(self) -> Report:
        """Return what was found and chosen for every layer; `str()` of it is a table."""
        return self.artifact.report

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to a file, from which :func:`tvm_snn.load` brings it back."""
        write_artifact(self.artifact, path)

    def export_c(self, path: str | os.PathLike[str], *, prefix: str = PREFIX) -> CLibrary:
        """Write the network as a C library that needs neither TVM nor Python.

        `path` is the shared library, for example `net.so`; the static archive `net.a` and the
        header `net.h` are written beside it. The names of the C functions start with `prefix`: give
        networks that one program links different ones. Where this machine can run the network, the
        library's outputs are compared with the network's before it is written.

        Raises SnnError for a prefix that C cannot take, UnsupportedOperatorError when the network
        needs TVM's runtime, TargetError when there is no compiler for the target, ArtifactError
        when a file cannot be written, VerificationError when the outputs differ in any bit.
        """
        return export_c(self.artifact, path, prefix)

    def check_inputs(self, arrays: Sequence[Any], named: dict[str, Any]) -> list[NDArray]:
        """Return the inputs in order as numpy arrays; raises ModelError when they do not fit."""
        names = [spec.name for spec in self.inputs]
        unknown = sorted(set(named) - set(names[len(arrays) :]))
        if len(arrays) > len(names) or unknown:
            given = f"{len(arrays)} by position" + (f" and {unknown}" if unknown else "")
            raise ModelError(f"The network takes {_listed(self.inputs)}; given were {given}.")
        given_arrays = dict(zip(names, arrays, strict=False)) | named
        missing = [name for name in names if name not in given_arrays]
        if missing:
            raise ModelError(f"The network takes {_listed(self.inputs)}; missing is {missing}.")
        return [_checked(spec, given_arrays[spec.name]) for spec in self.inputs]

    def __call__(self, *arrays: Any, **named: Any) -> Result:
        """Run the network on numpy arrays or torch tensors and return numpy arrays.

        Inputs are given in order, by name, or first some in order and the others by name. Returns
        one array, or a tuple of them when the network has several outputs. Raises ModelError when
        an input is missing, unknown, or of another shape or dtype.
        """
        return self._run(self.check_inputs(arrays, named))

    def region_cycles(self) -> tuple[RegionCycles, ...]:
        """Return the cycles of each region on an accelerator; none where nothing counts them."""
        return ()

    def measure(self, arrays: Sequence[Any], runs: int) -> Times:
        """Measure the network where it runs: see `measurement.measure`."""
        raise self._elsewhere(arrays, runs)

    def capture(self, arrays: Sequence[Any]) -> list[KernelCall]:
        """Run once and return every kernel call in order."""
        raise self._elsewhere(arrays)

    def compute(
        self, executable: relax.VMExecutable, inputs: Sequence[NDArray], weights: Sequence[NDArray]
    ) -> list[NDArray]:
        """Run another executable for the same target where this network runs.

        Its `main` takes the inputs and what its weights are packed to, and returns a tuple.
        """
        raise self._elsewhere(executable, inputs, weights)

    def _run(self, arrays: Sequence[NDArray]) -> Result:
        raise self._elsewhere(arrays)

    def _elsewhere(self, *_arguments: object) -> ArtifactError:
        misfit = self.artifact.requirements.misfit(this_machine())
        return ArtifactError(
            f"{misfit or 'The network was not loaded.'} Save it and load it there, or run it from "
            'here: tvm_snn.connect("host:port").load(network).'
        )


def _checked(spec: TensorSpec, value: Any) -> NDArray:
    try:
        # Tensors of torch that require gradients do not convert by themselves.
        array = np.asarray(value.detach() if hasattr(value, "detach") else value, order="C")
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"Input {spec.name!r} cannot be read as an array ({error}). The network takes {spec}."
        ) from error
    if array.shape != spec.shape or str(array.dtype) != spec.dtype:
        raise ModelError(
            f"Input {spec.name!r} is {array.dtype}{list(array.shape)}; the network was compiled "
            f"for {spec}. Convert the input, or compile with example inputs of its shape."
        )
    return array


def _listed(specs: Sequence[TensorSpec]) -> str:
    return "(" + ", ".join(map(str, specs)) + ")"
