"""Calls of the operators, run as programs of their own under qemu."""

from pathlib import Path
from tempfile import TemporaryDirectory

from numpy.typing import NDArray

from tests.schedules.kernels import Case, lower
from tvm_snn.bench.arm.emulate import emulate, link
from tvm_snn.bench.arm.machines import Machine
from tvm_snn.bench.arm.standalone import Program, input_bytes, object_code


def run(case: Case, machine: Machine) -> NDArray:
    """What the call gives for the case's operands on a machine."""
    target = machine.target
    module = lower(case, target)
    program = Program.of(module)
    code = object_code(module, target)
    with TemporaryDirectory() as folder:
        path = link(machine, Path(folder), program.source, code)
        written = emulate(machine, path, input_bytes(case.operands))
    return program.read_results(written)[0]
