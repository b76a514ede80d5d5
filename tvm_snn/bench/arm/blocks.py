"""How often each block of a program's instructions runs: counted by qemu, read from its code.

qemu's plugin `count_blocks.c` counts the blocks that qemu translates: they end at every branch,
with a page of memory, and where they get too long, of which the last two are undone here. So the
counts are exact; they are instructions, and say nothing about time. Where a machine's first
cache is known, the plugin `count_lines.c` simulates it in the same run.
"""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import gettempdir

from ...schedules.near_cache import LINE_BYTES
from ..c_compiler import compile_code
from ..llvm import llvm_tool
from .emulate import emulate
from .machines import Machine

_FOLDER = Path(__file__).parent
_INSTRUCTION = 4
"""Bytes."""
_BRANCH = re.compile(r"(b|bl|br|blr|bx|blx|ret|cbn?z|tbn?z|b\.\w+)\b")

_Runs = Counter[tuple[int, int]]
"""How often blocks run, by address and instructions."""


@dataclass(frozen=True)
class Block:
    """Instructions that run one after the other."""

    address: int
    instructions: tuple[str, ...]
    runs: int
    loops: bool
    """Whether the last instruction branches to the first one."""


@dataclass(frozen=True)
class Counts:
    """What a program does in a turn of its work, and what it wrote."""

    blocks: list[Block]
    lines: int | None
    """Those that the simulated first cache lacked; None where it is not part of the model."""
    output: bytes


def count(machine: Machine, program: Path, data: bytes) -> Counts:
    """Run a program under qemu with a turn more of its work and without; return what that took.

    Where a cache is simulated it is the second turn, for which the cache is warm. Raises SnnError
    when a tool is missing or the program fails.
    """
    earlier = 0 if machine.cache is None else 1
    output, counts, lines = _count(machine, program, data, earlier + 1)
    _, before, lines_before = _count(machine, program, data, earlier)
    counts.subtract(before)
    code = dict(_disassemble(machine, program))
    counts = join(counts, code)
    blocks = [
        _block(code, address, length, runs)
        for (address, length), runs in sorted(counts.items())
        if runs > 0
    ]
    return Counts(blocks, None if machine.cache is None else lines - lines_before, output)


def _count(machine: Machine, program: Path, data: bytes, turns: int) -> tuple[bytes, _Runs, int]:
    """Return what a program writes, how often blocks run, and lines.

    The lines are those that the first cache lacks, 0 where it is not known.
    """
    log = program.with_suffix(".counts")
    options = ["-plugin", str(_plugin("count_blocks.c")), "-d", "plugin", "-D", str(log)]
    if machine.cache is not None:
        cache = machine.cache
        sizes = f"cache_bytes={cache.bytes},cache_ways={cache.ways},line_bytes={LINE_BYTES}"
        options += ["-plugin", f"{_plugin('count_lines.c')},{sizes}"]
    output = emulate(machine, program, data, options=options, turns=turns)
    counts: _Runs = Counter()
    lines = 0
    for line in log.read_text().splitlines():
        kind, *numbers = line.split()
        if kind == "lines":
            lines = int(numbers[0])
        else:
            address, length, runs = numbers
            counts[int(address, 16), int(length)] += int(runs)
    return output, counts, lines


def join(counts: _Runs, code: dict[int, str]) -> _Runs:
    """Return the counts with blocks that end without a branch joined to those they run on into.

    A loop that qemu cut is one block again. Runs that begin in a later part are still counted.
    """
    usual = {address: length for (address, length), _ in sorted(counts.items(), key=_by_runs)}
    follows: dict[tuple[int, int], tuple[int, int]] = {}
    from_before: _Runs = Counter()
    for address, length in counts:
        end = address + _INSTRUCTION * length
        after = end, usual.get(end, 0)
        runs = from_before[after] + counts[address, length]
        if not _BRANCH.match(code.get(end - _INSTRUCTION, "b")) and runs <= counts[after]:
            follows[address, length] = after
            from_before[after] = runs
    joined: _Runs = Counter()
    for block, runs in counts.items():
        length, last = block[1], block
        while last in follows:
            last = follows[last]
            length += last[1]
        joined[block[0], length] += runs - from_before[block]
    return joined


def _by_runs(counted: tuple[tuple[int, int], int]) -> int:
    return counted[1]


def _block(code: dict[int, str], address: int, length: int, runs: int) -> Block:
    places = [address + _INSTRUCTION * k for k in range(length)]
    instructions = tuple(code.get(place, "nop") for place in places)
    target = re.search(r"\b0x([0-9a-f]+)$", instructions[-1])
    loops = target is not None and int(target[1], 16) == address
    return Block(address, instructions, runs, loops)


def _disassemble(machine: Machine, program: Path) -> Iterator[tuple[int, str]]:
    command = [llvm_tool("llvm-objdump"), "-d", "--no-show-raw-insn", f"--mcpu={machine.cpu}"]
    command.append(f"--triple={machine.triple}")
    result = subprocess.run([*command, program], capture_output=True, text=True, check=True)
    for line in result.stdout.splitlines():
        match = re.match(r"\s*([0-9a-f]+):\s+((?:(?!//)[^<@])*)", line)
        if match and match[2].strip():
            yield int(match[1], 16), " ".join(match[2].replace("\t", " ").split())


@cache
def _plugin(name: str) -> Path:
    """Return a plugin of qemu, compiled for this machine."""
    source = _FOLDER / name
    path = Path(gettempdir()) / f"tvm_snn_{source.stem}_{source.stat().st_mtime_ns}.so"
    if not path.exists():
        own = path.with_suffix(".new.so")
        compile_code(["-shared", "-fPIC", "-O2", "-o", own, source])
        own.replace(path)
    return path
