"""Whether 256-bit instructions have a port of their own beside 512-bit ones, on this machine.

Sapphire Rapids has a third port for vectors up to 256 bits, which llvm-mca's model always uses.
"""

from dataclasses import dataclass

from ..clock import clock_hertz
from .model import modelled
from .replay import replay
from .steps import Block

_REPEATS = 40


@dataclass(frozen=True)
class Mixture:
    """Instructions of both widths, none of which waits for another."""

    what: str
    model: float
    """Cycles by llvm-mca."""
    alone: float
    """Cycles on this machine."""


def mixtures() -> list[Mixture]:
    """Time eight permutations and eight additions of 512 bits, without and with additions of 256.

    Takes a processor with AVX-512 VBMI.
    """
    wide: list[str] = []
    for at in range(8):
        wide += [
            f"vpermb %zmm{16 + at % 4}, %zmm20, %zmm{at}",
            f"vpaddusb %zmm{at}, %zmm{8 + at}, %zmm{8 + at}",
        ]
    narrow = [f"vpaddb %ymm24, %ymm25, %ymm{26 + at}" for at in range(4)]
    return [
        _mixture("8 permutations, 8 additions of 512 bits", wide),
        _mixture("the same and 4 additions of 256 bits", [*wide, *narrow]),
    ]


def _mixture(what: str, instructions: list[str]) -> Mixture:
    block = Block(tuple(instructions), 1, True)
    run = replay(block)
    alone = min(run() for _ in range(_REPEATS)) * clock_hertz()
    return Mixture(what, modelled([block])[0].cycles, alone)
