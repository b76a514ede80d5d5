"""Calls of the operators, run as programs of their own under qemu."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from numpy.typing import NDArray

from tests.schedules.kernels import Case, lower_together
from tvm_snn.bench.arm.emulate import emulate, link
from tvm_snn.bench.arm.machines import Machine
from tvm_snn.bench.arm.standalone import Program, input_bytes, object_code


def run(case: Case, machine: Machine) -> NDArray:
    """What the call gives for the case's operands on a machine."""
    return run_all([case], machine)[0]


def run_all(cases: Sequence[Case], machine: Machine) -> list[NDArray]:
    """What each of some calls gives, all of them in one program."""
    target = machine.target
    module = lower_together(cases, target)
    program = Program.of(module)
    code = object_code(module, target)
    operands = [case.operands[0] for case in cases]
    operands += [weight for case in cases for weight in case.operands[1:]]
    with TemporaryDirectory() as folder:
        path = link(machine, Path(folder), program.source, code)
        written = emulate(machine, path, input_bytes(operands))
    return program.read_results(written)
