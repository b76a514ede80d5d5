"""How often each block of a program's instructions runs: counted by qemu, read from its code.

qemu's plugin `count_blocks.c` counts the blocks that qemu translates: they end at every branch. So
the counts are exact; they are instructions, and say nothing about time.
"""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import gettempdir

from ...errors import SnnError
from .emulate import emulate
from .machines import Machine
from .tools import llvm_tool

_PLUGIN = Path(__file__).with_name("count_blocks.c")


@dataclass(frozen=True)
class Block:
    """Instructions that run one after the other."""

    address: int
    instructions: tuple[str, ...]
    runs: int
    loops: bool
    """Whether the last instruction branches to the first one."""


def count_blocks(machine: Machine, program: Path, data: bytes) -> list[Block]:
    """Run a program under qemu and return the blocks that ran after the weights were prepared.

    Raises SnnError when a tool is missing or the program fails.
    """
    counts = _count(machine, program, data, 1)
    counts.subtract(_count(machine, program, data, 0))
    code = dict(_disassemble(machine, program))
    return [
        _block(code, address, length, runs)
        for (address, length), runs in sorted(counts.items())
        if runs > 0
    ]


def _count(machine: Machine, program: Path, data: bytes, turns: int) -> Counter[tuple[int, int]]:
    """Return how often blocks run, by address and instructions."""
    log = program.with_suffix(".blocks")
    options = ["-plugin", str(_plugin()), "-d", "plugin", "-D", str(log)]
    emulate(machine, program, data, options=options, turns=turns)
    counts: Counter[tuple[int, int]] = Counter()
    for line in log.read_text().splitlines():
        _, address, length, runs = line.split()
        counts[int(address, 16), int(length)] += int(runs)
    return counts


def _block(code: dict[int, str], address: int, length: int, runs: int) -> Block:
    places = [address + 4 * k for k in range(length)]
    instructions = tuple(code.get(place, "nop") for place in places)
    target = re.search(r"\b0x([0-9a-f]+)$", instructions[-1])
    loops = target is not None and int(target[1], 16) == address
    return Block(address, instructions, runs, loops)


def _disassemble(machine: Machine, program: Path) -> Iterator[tuple[int, str]]:
    command = [llvm_tool("llvm-objdump"), "-d", "--no-show-raw-insn", f"--mcpu={machine.cpu}"]
    command.append(f"--triple={machine.triple}")
    result = subprocess.run([*command, program], capture_output=True, text=True, check=True)
    for line in result.stdout.splitlines():
        match = re.match(r"\s*([0-9a-f]+):\s+([^<@/]*)", line)
        if match and match[2].strip():
            yield int(match[1], 16), " ".join(match[2].replace("\t", " ").split())


@cache
def _plugin() -> Path:
    """Return the plugin, compiled for this machine."""
    compiler = shutil.which("gcc") or shutil.which("cc") or shutil.which("clang")
    if compiler is None:
        raise SnnError("Counting instructions needs a C compiler: apt install gcc.")
    path = Path(gettempdir()) / f"tvm_snn_count_blocks_{_PLUGIN.stat().st_mtime_ns}.so"
    if not path.exists():
        own = path.with_suffix(".new.so")
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", own, _PLUGIN], check=True)
        own.replace(path)
    return path
