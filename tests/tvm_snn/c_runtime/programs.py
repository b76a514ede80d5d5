"""Compiling and running C programs in tests, on this machine and under emulation."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tvm_snn.artifact import TensorSpec
from tvm_snn.c_runtime import CLibrary
from tvm_snn.toolchain import ZIG, run_tool

HERE = Path(__file__).parent
STRICT = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O1")


@dataclass(frozen=True)
class Machine:
    """Where a program runs, and what compiles it."""

    compiler: tuple[str, ...]
    launcher: tuple[str, ...] = ()


HOST = Machine(("cc",))


def emulated(compiler: tuple[str, ...], emulator: str, cpu: str) -> Machine:
    """Return a machine under qemu; skips where that is missing. Programs must be static."""
    if shutil.which(emulator) is None:
        pytest.skip(f"{emulator} is not installed (Debian: apt install qemu-user-static)")
    return Machine(compiler, (emulator, "-cpu", cpu))


def aarch64(cpu: str) -> Machine:
    """Return an ARM machine of 64 bits."""
    return emulated(_zig("aarch64-linux-musl"), "qemu-aarch64-static", cpu)


def armv7(cpu: str) -> Machine:
    """Return an ARM machine of 32 bits."""
    return emulated(_zig("arm-linux-musleabihf"), "qemu-arm-static", cpu)


def _zig(target: str) -> tuple[str, ...]:
    return (*ZIG, "cc", "-target", target, "-static")


def compile_program(
    source: Path, output: Path, libraries: Sequence[Path], machine: Machine = HOST, *flags: str
) -> Path:
    """Compile a program, with any warning an error; headers are looked for beside `libraries`."""
    folders = [f"-I{library.parent}" for library in libraries]
    command = [*machine.compiler, *STRICT, *folders, *flags, str(source)]
    command += [*map(str, libraries), "-lm", "-o", str(output)]
    result = run_tool(command)
    assert result.returncode == 0, result.stderr
    return output


def run_library(
    library: CLibrary,
    specs: Sequence[TensorSpec],
    arrays: Sequence[NDArray],
    machine: Machine,
) -> list[NDArray]:
    """Run a network twice in one program and return what it gives; the runs must agree."""
    program = compile_program(
        HERE / "run_raw.c",
        library.static.with_suffix(".program"),
        [library.static],
        machine,
        f'-DNETWORK_HEADER="{library.header.name}"',
    )
    data = b"".join(array.tobytes() for array in arrays)
    result = subprocess.run(
        [*machine.launcher, str(program)], input=data, capture_output=True, check=False, timeout=300
    )
    assert result.returncode == 0, result.stderr.decode()
    results, rest = [], result.stdout
    for spec in specs:
        results.append(np.frombuffer(rest[: spec.nbytes], spec.dtype).reshape(spec.shape))
        rest = rest[spec.nbytes :]
    assert not rest
    return results
