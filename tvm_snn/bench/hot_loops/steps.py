"""How often each block of a kernel's instructions runs on this very processor, counted exactly.

The processor's single-step flag is set around one call of the kernel (`count_steps.c`): each
instruction then ends with a signal, and the handler counts the address that comes next. A layer
takes seconds in place of microseconds, but it is the code that is timed, wherever it branches.
"""

import ctypes
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tvm

from ...errors import SnnError
from ...threads import use_threads
from ..c_compiler import compile_code
from ..kernel_clock import KernelCall
from ..llvm import llvm_tool

_SOURCE = Path(__file__).with_name("count_steps.c")
_JUMP = re.compile(r"(j\w+|callq?|retq?)\b")
_TENSOR = 7
"""TVM's number of the type of an argument that is a pointer to a DLTensor."""
_LONGEST = 120
"""Seconds after which a tool is given up."""


@dataclass(frozen=True)
class Block:
    """Instructions that run one after the other."""

    instructions: tuple[str, ...]
    runs: int
    loops: bool
    """Whether the last instruction jumps to the first one."""


class _Argument(ctypes.Structure):
    """TVMFFIAny."""

    _fields_ = (("kind", ctypes.c_int32), ("zero", ctypes.c_uint32), ("value", ctypes.c_void_p))


def count_blocks(calls: Sequence[KernelCall]) -> list[Block]:
    """Run kernels once, on one thread; return all blocks that ran, in the order of the code.

    Raises SnnError when a tool is missing, or a kernel fails.
    """
    use_threads(1)
    with TemporaryDirectory() as folder:
        counted = [_count(call, Path(folder) / f"kernel{at}") for at, call in enumerate(calls)]
    return [block for blocks in counted for block in blocks]


def _count(call: KernelCall, stem: Path) -> list[Block]:
    module, name, operands = call
    code, path = stem.with_suffix(".o"), stem.with_suffix(".so")
    module.write_to_file(str(code), "o")
    compile_code(["-shared", "-o", path, code])
    # TVM fills in what kernels call of its runtime.
    loaded = tvm.runtime.load_module(str(path))
    lines = list(_disassemble(path))
    symbol = f"__tvm_ffi_{name}"
    kernel = getattr(ctypes.CDLL(str(path)), symbol)
    place = ctypes.cast(kernel, ctypes.c_void_p).value or 0
    base = place - _address(path, symbol)
    size = lines[-1][0] + 1
    counts = np.zeros(size, np.uint32)
    capsules = [operand.__dlpack__() for operand in operands]
    arguments = (_Argument * len(operands))(*(_Argument(_TENSOR, 0, _pointer(c)) for c in capsules))
    status = _stepper()(
        kernel,
        arguments,
        len(operands),
        ctypes.c_uint64(base),
        ctypes.c_uint64(size),
        counts.ctypes.data_as(ctypes.c_void_p),
    )
    del loaded
    if status:
        raise SnnError(f"{name} failed while its steps were counted ({status}).")
    return blocks_of([(address, line, int(counts[address])) for address, line in lines])


def blocks_of(lines: Sequence[tuple[int, str, int]]) -> list[Block]:
    """Return the blocks that ran of (address, instruction, how often it ran), in order.

    A block begins where something jumps to, behind a jump, and where another count begins.
    """
    targets = {_target(line) for _, line, runs in lines if runs}
    starts: list[int] = []
    for at, (address, _, runs) in enumerate(lines):
        before = lines[at - 1] if at else None
        if before is None or address in targets or before[2] != runs or _JUMP.match(before[1]):
            starts.append(at)
    blocks = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        part = lines[start:end]
        if part[0][2]:
            loops = _target(part[-1][1]) == part[0][0]
            blocks.append(Block(tuple(line for _, line, _ in part), part[0][2], loops))
    return blocks


def _target(line: str) -> int | None:
    found = re.match(r"j\w+ 0x([0-9a-f]+)$", line)
    return int(found[1], 16) if found else None


def _disassemble(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the address of each instruction, and the instruction, comments and names left out."""
    text = _run([llvm_tool("llvm-objdump"), "-d", "--no-show-raw-insn", path])
    for line in text.splitlines():
        match = re.match(r"\s*([0-9a-f]+):\s+([^<#]*)", line)
        if match and match[2].strip():
            yield int(match[1], 16), " ".join(match[2].split())


def _address(path: Path, symbol: str) -> int:
    for line in _run([llvm_tool("llvm-objdump"), "-T", path]).splitlines():
        if line.split()[-1:] == [symbol]:
            return int(line.split()[0], 16)
    raise SnnError(f"The library has no {symbol}.")


def _pointer(capsule: object) -> int:
    take = ctypes.pythonapi.PyCapsule_GetPointer
    take.restype, take.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(take(capsule, b"dltensor"))


@cache
def _stepper() -> Callable[..., int]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "count_steps.so"
        compile_code(["-shared", "-fPIC", "-O1", "-o", path, _SOURCE])
        function: Callable[..., int] = ctypes.CDLL(str(path)).count_steps
    return function


def _run(command: Sequence[str | Path]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LONGEST)
    if result.returncode:
        raise SnnError(f"{command[0]} failed: {result.stderr.strip()}")
    return result.stdout
