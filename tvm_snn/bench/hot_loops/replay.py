"""A loop alone on this machine: its instructions again and again, all data in first-level cache.

Every register that is an address points into a small buffer of zeros, and is set anew after a few
turns; what is read from it as an offset is 0. So there are no misses, no wrong predictions, and
nothing around the loop: where it takes longer than llvm-mca says, the processor is not like its
model.
"""

import ctypes
import re
import time
from collections.abc import Callable, Sequence, Set
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from ..c_compiler import compile_code
from .steps import Block

_COPIES, _TURNS, _REPEATS = 12, 500, 8
"""Copies of the body between which no register is set, turns of all of them, and how often these
are timed."""
_BUFFER, _START = 1 << 16, 1 << 14
_STACK = 1 << 15
_POINTERS = ("rsi", "rbx", "r12", "r13", "r14", "r15")
_SAVED = ("rbx", "rbp", "r12", "r13", "r14", "r15")
_END = re.compile(r"(j\w+|cmp\w|dec|test)")


def replay(loop: Block) -> Callable[[], float]:
    """Return what runs a loop for a while, and returns the seconds of a turn: the least it saw."""
    with TemporaryDirectory() as folder:
        source, path = Path(folder) / "loop.s", Path(folder) / "loop.so"
        source.write_text(replayed(loop.instructions))
        compile_code(["-shared", "-Wl,-z,noexecstack", "-o", path, source])
        run = ctypes.CDLL(str(path)).run

    def turn() -> float:
        return min(_seconds(run) for _ in range(_REPEATS)) / (_TURNS * _COPIES)

    return turn


def _seconds(run: Callable[..., object]) -> float:
    start = time.perf_counter()
    run(ctypes.c_int64(_TURNS))
    return time.perf_counter() - start


def replayed(instructions: Sequence[str]) -> str:
    """Return the assembly of a function `run(turns)` of copies of a loop without its jump."""
    body = list(instructions)
    while body and _END.match(body[-1]):
        body.pop()
    body = [re.sub(r"-?0x[0-9a-f]+\(%rip\)", "constant(%rip)", line) for line in body]
    # What is kept on the stack is kept elsewhere than what is read.
    free = next((name for name in _POINTERS if not any(f"%{name}" in line for line in body)), "rsi")
    body = [re.sub(r"(-?\w*)\(%rsp", partial(_on_stack, free), line) for line in body]
    # An address that is read from memory, such as one kept on the stack, is the buffer's, too; what
    # nothing is addressed from is a word.
    bases = {name for line in body for name in re.findall(r"\((%r\w+)", line)}
    body = [_read_address(line, bases) for line in body]
    offsets = {_whole(name) for line in body for name in re.findall(r",%(\w+)[,)]", line)}
    names = {_whole(name) for line in body for name in re.findall(r"%(r\w+|e[a-ds][ixp]?)\b", line)}
    set_all = [
        f"xorq %{name}, %{name}" if name in offsets else f"leaq buffer+{_START}(%rip), %{name}"
        for name in sorted(names - {"rip"})
    ]
    lines = [".text", ".globl run", "run:", *(f"pushq %{name}" for name in _SAVED)]
    lines += ["movq %rdi, turns(%rip)", "vzeroall", ".p2align 6", "1:"]
    lines += [*set_all, *body * _COPIES, "decq turns(%rip)", "jne 1b"]
    lines += [*(f"popq %{name}" for name in reversed(_SAVED)), "vzeroupper", "ret"]
    lines += [".data", ".p2align 6", "constant: .fill 64, 1, 15", "turns: .quad 0"]
    lines += [f"address: .quad buffer+{_START}"]
    lines += [".p2align 12", f"buffer: .fill {_BUFFER}, 1, 0", ""]
    return "\n".join(lines)


def _read_address(line: str, bases: Set[str]) -> str:
    read = re.match(r"movq -?\w*\(\S*\), (%r\w+)$", line)
    return f"movq address(%rip), {read[1]}" if read and read[1] in bases else line


def _on_stack(pointer: str, place: re.Match[str]) -> str:
    return f"{_STACK + int(place[1] or '0', 16)}(%{pointer}"


def _whole(name: str) -> str:
    """Return the 64-bit register that a register is part of."""
    if re.fullmatch(r"r\d+[dwb]", name):
        return name[:-1]
    return "r" + name[1:] if name.startswith("e") else name
