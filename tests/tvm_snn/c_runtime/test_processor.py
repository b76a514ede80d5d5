"""The C that asks a processor what it can do, on processors that qemu plays."""

import subprocess
from pathlib import Path

import pytest

from tests.tvm_snn.c_runtime import programs
from tvm_snn.c_runtime.processor import processor_check
from tvm_snn.target import extensions_of, host_architecture, host_extensions, parse_target
from tvm_snn.toolchain import run_tool

MAIN = "\nint main(void) { return snn_processor_fits() ? 0 : 42; }\n"


def fits(check: str, folder: Path, machine: programs.Machine) -> bool:
    source = folder / "check.c"
    source.write_text(f"#include <stddef.h>\n{check}{MAIN}")
    program = folder / "check"
    assert run_tool([*machine.compiler, "-O1", source, "-o", program]).returncode == 0
    status = subprocess.run([*machine.launcher, str(program)], check=False, timeout=300).returncode
    assert status in (0, 42)
    return status == 0


def test_this_machine_has_what_it_has(tmp_path: Path) -> None:
    assert fits(processor_check(host_architecture(), host_extensions()), tmp_path, programs.HOST)


@pytest.mark.parametrize(
    ("cpu", "expected"),
    [("Nehalem", {"nehalem"}), ("Haswell", {"nehalem", "haswell"})],
)
def test_x86_processors(cpu: str, expected: set[str], tmp_path: Path) -> None:
    machine = programs.emulated(("cc", "-static"), "qemu-x86_64-static", cpu)
    for name in ("nehalem", "haswell", "skylake-avx512"):
        target = parse_target({"kind": "llvm", "mtriple": "x86_64-linux-gnu", "mcpu": name})
        check = processor_check("x86_64", extensions_of(target))
        assert fits(check, tmp_path, machine) == (name in expected), name


@pytest.mark.parametrize(
    ("cpu", "architecture", "extensions", "expected"),
    [
        ("cortex-a76", "aarch64", "dotprod", True),
        ("cortex-a72", "aarch64", "dotprod", False),
        ("cortex-a76", "aarch64", "i8mm", False),
        ("max", "aarch64", "dotprod i8mm", True),
        ("cortex-a72", "aarch64", "neon", True),
        ("cortex-a9", "armv7", "neon vfp3 d32", True),
        ("cortex-a9", "armv7", "vfp4", False),
        ("cortex-a7", "armv7", "vfp4 neon", True),
    ],
)
def test_arm_processors(cpu, architecture, extensions, expected, tmp_path: Path) -> None:
    machine = (programs.aarch64 if architecture == "aarch64" else programs.armv7)(cpu)
    check = processor_check(architecture, extensions.split())
    assert fits(check, tmp_path, machine) is expected


def test_nothing_in_particular_is_asked_for(tmp_path: Path) -> None:
    assert fits(processor_check(host_architecture(), ()), tmp_path, programs.HOST)
