"""Inner loops that a binary convolution may have on ARM, timed by llvm-mca side by side.

What the compiled kernels do stands next to what the instructions for products of bytes would do in
its place (dot products, ARM v8.2; products of matrices, ARM v8.6). The loops are written here by
hand, without addresses to compute: they say which way of counting could win, and nothing about a
whole kernel. Work is in (o,c), products of a 3x3 kernel's nine signs, as in the other tables.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..table import Table
from .blocks import Block
from .machines import MACHINES, Machine
from .model import block_cycles

_SIGNS, _BYTES, _TAPS = 128, 16, 9
_PIXELS, _VECTORS = 4, 4
_TILE = _PIXELS * _VECTORS
MATRICES = Machine("neoverse-v1", True, "a server: no board here has products of matrices")
"""A processor with all of the instructions, of which llvm-mca has a model."""


@dataclass(frozen=True)
class InnerLoop:
    """Instructions, and what a turn of them computes."""

    name: str
    instructions: tuple[str, ...]
    work: float
    """(o,c) of a turn."""
    used: bool
    """Whether kernels have such a loop."""
    matrices: bool = False
    """Whether it takes more than the Cortex-A76 has."""


def inner_loops() -> tuple[InnerLoop, ...]:
    """Return the loops: of 64 channels with what is done at their end, then others."""
    counted = _TAPS * _TILE * _SIGNS / _TAPS
    bytes_, words = tuple(_popcount(dot=False)), tuple(_popcount(dot=True))
    return (
        InnerLoop("64 channels: xor, count, add bytes", bytes_, counted, used=True),
        InnerLoop("64 channels: xor, count, udot with ones", words, counted, used=False),
        InnerLoop(
            "16 kernels: two pixels looked up at once, added, split",
            tuple(_lookup()),
            8 * 2 * _BYTES,
            used=True,
        ),
        InnerLoop(
            "16 kernels: four channels looked up at once, udot with ones",
            tuple(_lookup_of_four()),
            8 * _BYTES,
            used=False,
        ),
        InnerLoop(
            "signs as bytes: sdot",
            tuple(_products("sdot", 4)),
            _TILE * _BYTES / _TAPS,
            used=False,
        ),
        InnerLoop(
            "signs as bytes: smmla",
            tuple(_products("smmla", 4)),
            _TILE * 2 * _BYTES / _TAPS,
            used=False,
            matrices=True,
        ),
    )


@dataclass(frozen=True)
class LoopRow:
    """A loop on a processor."""

    cpu: str
    loop: str
    used: bool
    speed: float
    """(o,c) a cycle."""


def loop_rows() -> list[LoopRow]:
    """Time all loops on the Cortex-A76's model, and on one that has every instruction.

    Raises SnnError when there is no llvm-mca.
    """
    return [row for machine in (MACHINES["cortex-a76"], MATRICES) for row in _rows(machine)]


def loop_table(rows: Sequence[LoopRow]) -> Table:
    """Return the loops next to each other, a column for each processor."""
    cpus = list(dict.fromkeys(row.cpu for row in rows))
    note = "Cycles are llvm-mca's, of loops written by hand; * marks what kernels do."
    table = Table("Inner loops: (o,c) a cycle", ["", *cpus], note=note)
    for name in dict.fromkeys(row.loop for row in rows):
        own = {row.cpu: row for row in rows if row.loop == name}
        cells = [f"{own[cpu].speed:.2f}" if cpu in own else "" for cpu in cpus]
        table.rows.append([name + " *" * any(row.used for row in own.values()), *cells])
    return table


def _rows(machine: Machine) -> Iterator[LoopRow]:
    loops = [loop for loop in inner_loops() if not loop.matrices or machine == MATRICES]
    cycles = block_cycles(machine, [Block(0, loop.instructions, 1, True) for loop in loops])
    model = f" (model of the {machine.modelled_by})" if machine.modelled_by else ""
    for loop, taken in zip(loops, cycles, strict=True):
        yield LoopRow(machine.cpu + model, loop.name, loop.used, round(loop.work / taken, 2))


def _popcount(*, dot: bool) -> Iterator[str]:
    """All nine taps of a tile of pixels and outputs; results become floats and are scaled."""
    sums = range(8, 8 + _TILE)
    for _tap in range(_TAPS):
        for pixel in range(_PIXELS):
            yield f"ldr q{pixel}, [x0]"
        for vector in range(_VECTORS):
            yield "ldr q4, [x1]"
            for pixel in range(_PIXELS):
                sum_ = sums[pixel * _VECTORS + vector]
                yield f"eor v5.16b, v{pixel}.16b, v4.16b"
                yield "cnt v5.16b, v5.16b"
                if dot:
                    yield f"udot v{sum_}.4s, v5.16b, v7.16b"
                else:
                    yield f"add v{sum_}.16b, v{sum_}.16b, v5.16b"
    for pixel in range(_PIXELS):
        yield from _end([sums[pixel * _VECTORS + vector] for vector in range(_VECTORS)], dot)
    yield from (f"movi v{sum_}.2d, #0" for sum_ in sums)


def _end(sums: list[int], dot: bool) -> Iterator[str]:
    """Eight outputs of a pixel: neighbours are added up, taken off a start, scaled."""
    a, b, c, d = sums
    if dot:
        for first, second in ((a, b), (c, d)):
            yield f"addp v{first}.4s, v{first}.4s, v{second}.4s"
            yield "ldr q5, [x2]"
            yield f"mls v5.4s, v{first}.4s, v6.4s"
            yield from _scale("v5.4s")
        return
    yield from (f"uaddlp v{sum_}.8h, v{sum_}.16b" for sum_ in sums)
    for first, second in ((a, b), (c, d), (a, c)):
        yield f"addp v{first}.8h, v{first}.8h, v{second}.8h"
    yield "ldr q5, [x2]"
    yield f"mls v5.8h, v{a}.8h, v6.8h"
    for widen, half in (("sshll", "4h"), ("sshll2", "8h")):
        yield f"{widen} v4.4s, v5.{half}, #0"
        yield from _scale("v4.4s")


def _scale(value: str) -> Iterator[str]:
    yield f"scvtf v3.4s, {value}"
    yield "ldr q2, [x3]"
    yield "fmul v3.4s, v3.4s, v2.4s"
    yield "str q3, [x4]"


def _lookup() -> Iterator[str]:
    """A byte of the table has a nibble of each of two pixels; all are summed, and the upper."""
    for at in range(8):
        yield f"ldr q{at % 4 + 1}, [x1]"
        yield f"tbl v5.16b, {{v0.16b}}, v{at % 4 + 1}.16b"
        yield f"add v{8 + at}.16b, v{8 + at}.16b, v5.16b"
        yield f"usra v{16 + at}.16b, v5.16b, #4"


def _lookup_of_four() -> Iterator[str]:
    """Four registers are the tables of four channels, and so are neighbours of the indices."""
    for at in range(8):
        yield "ldr q4, [x1]"
        yield "tbl v5.16b, {v0.16b-v3.16b}, v4.16b"
        yield f"udot v{8 + at}.4s, v5.16b, v7.16b"


def _products(name: str, loads: int) -> Iterator[str]:
    for pixel in range(loads):
        yield f"ldr q{pixel}, [x0]"
    for vector in range(_VECTORS):
        yield "ldr q4, [x1]"
        for pixel in range(_PIXELS):
            yield f"{name} v{8 + pixel * _VECTORS + vector}.4s, v{pixel}.16b, v4.16b"
